/* A libnvidia-ml.so.1 for tests: answers the calls of nvidia-ml-py from environment variables, in any process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, LOST = 15 };

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtol(text, NULL, 10) : otherwise;
}

static void copy(char *out, unsigned size, const char *name, const char *otherwise) {
    const char *text = getenv(name);
    snprintf(out, size, "%s", text ? text : otherwise);
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; return (int)number("FAKE_NVML_INIT", SUCCESS); }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { (void)code; return "an error of the test's NVML"; }

int nvmlSystemGetDriverVersion(char *out, unsigned size) {
    copy(out, size, "FAKE_NVML_DRIVER", "550.163.01");
    return SUCCESS;
}

int nvmlSystemGetCudaDriverVersion_v2(int *out) { *out = (int)number("FAKE_NVML_CUDA", 12040); return SUCCESS; }
int nvmlSystemGetCudaDriverVersion(int *out) { return nvmlSystemGetCudaDriverVersion_v2(out); }
int nvmlDeviceGetCount_v2(unsigned *out) { *out = (unsigned)number("FAKE_NVML_COUNT", 2); return SUCCESS; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out) {
    if (index == (unsigned)number("FAKE_NVML_LOST", -1)) return LOST;
    *out = (void *)(size_t)(index + 1);
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *out, unsigned size) {
    (void)device;
    copy(out, size, "FAKE_NVML_NAME", "NVIDIA A100-SXM4-40GB");
    return SUCCESS;
}

typedef struct { unsigned long long total, free, used; } memory_t;

int nvmlDeviceGetMemoryInfo(void *device, memory_t *out) {
    (void)device;
    out->total = (unsigned long long)number("FAKE_NVML_MEMORY", 42949672960L);
    out->used = 611319808ULL;
    out->free = out->total - out->used;
    return SUCCESS;
}

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    (void)device;
    *major = (int)number("FAKE_NVML_COMPUTE", 80) / 10;
    *minor = (int)number("FAKE_NVML_COMPUTE", 80) % 10;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
    (void)device;
    long mode = number("FAKE_NVML_MIG", -1);
    if (mode < 0) return NOT_SUPPORTED;
    *current = *pending = (unsigned)mode;
    return SUCCESS;
}

#ifndef OLD_DRIVER /* built without it: a driver that does not know this symbol yet */
int nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, unsigned long long *out) {
    (void)device; (void)type; (void)counter;
    long count = number("FAKE_NVML_ECC", 0);
    if (count < 0) return NOT_SUPPORTED;
    *out = (unsigned long long)count;
    return SUCCESS;
}
#endif
