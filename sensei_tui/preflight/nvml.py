"""NVIDIA's driver, CUDA version and GPUs of this host, through NVML.

`pynvml` comes from the package nvidia-ml-py. It is imported here, when asked: the import takes 25-60 ms, and
`nvmlInit` may take seconds on a host without the persistence daemon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sensei_tui.preflight.facts import Gpu, Nvml, Unknown

T = TypeVar("T")
NOT_LOADED, NO_PERMISSION, NO_LIBRARY, LOST, MISMATCH = 9, 4, 12, 15, 18
"""NVML_ERROR_* of nvml.h."""
TROUBLE = {
    NOT_LOADED: ("the NVIDIA kernel module is not loaded", "Load it: modprobe nvidia; then look at dmesg."),
    NO_PERMISSION: ("NVML may not open the GPUs", "Run as a user who may open /dev/nvidia*."),
    LOST: ("a GPU fell off the bus", "Drain the host and reset it; if it comes back, replace the GPU."),
    MISMATCH: ("library and kernel module are of different versions", "The driver was upgraded: reboot the host."),
}


def collect() -> Nvml | Unknown:
    """Driver, CUDA and GPUs; `present=False` where no driver is installed; Unknown where NVML itself is in trouble."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Nvml(present=False) if error.value == NO_LIBRARY else _trouble(error)
    try:
        return _read(pynvml)
    except pynvml.NVMLError as error:
        return _trouble(error)
    finally:
        pynvml.nvmlShutdown()


def _trouble(error: Any) -> Unknown:
    why, remedy = TROUBLE.get(error.value, (f"NVML: {error}", "See what nvidia-smi says on this host."))
    return Unknown(f"{why} (NVML error {error.value})", remedy)


def _read(nvml: Any) -> Nvml:
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    return Nvml(
        driver=str(nvml.nvmlSystemGetDriverVersion()),
        cuda=int(nvml.nvmlSystemGetCudaDriverVersion()),
        gpus=tuple(_gpu(nvml, handle) for handle in handles),
    )


def _gpu(nvml: Any, handle: Any) -> Gpu:
    compute = _optional(nvml, lambda: nvml.nvmlDeviceGetCudaComputeCapability(handle))
    mig = _optional(nvml, lambda: nvml.nvmlDeviceGetMigMode(handle))
    uncorrected, volatile = nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
    return Gpu(
        name=str(nvml.nvmlDeviceGetName(handle)),
        memory=int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        compute=(int(compute[0]), int(compute[1])) if compute else None,
        mig=bool(mig[0]) if mig else None,
        uncorrected_errors=_optional(nvml, lambda: nvml.nvmlDeviceGetTotalEccErrors(handle, uncorrected, volatile)),
    )


def _optional(nvml: Any, getter: Callable[[], T]) -> T | None:
    """What older drivers and smaller GPUs do not have (not supported, symbol missing) is None; a lost GPU is not."""
    try:
        return getter()
    except nvml.NVMLError as error:
        if error.value == LOST:
            raise
        return None
