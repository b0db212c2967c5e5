"""The messages of a pod's spec, in the notation of `protobuf_messages`: what kubectl sends with `create job --from`.

From the `generated.proto` and `types.go` of k8s.io/api/core/v1. Of the volume sources those that
our charts use, and hostPath.
"""

from __future__ import annotations

_HANDLERS = "1 exec ExecAction\n2 httpGet HTTPGetAction\n3 tcpSocket TCPSocketAction\n"
_REFERENCE = "1 localObjectReference inline:LocalObjectReference\n"
_TO_FILES = "2 items list:KeyToPath\n3 defaultMode int\n4 optional bool\n"

POD_MESSAGES: dict[str, str] = {
    "PodTemplateSpec": "1 metadata ObjectMeta\n2 spec PodSpec",
    "PodSpec": """
        1 volumes list:Volume
        2 containers list:Container
        3 restartPolicy string
        4 terminationGracePeriodSeconds int
        5 activeDeadlineSeconds int
        6 dnsPolicy string
        7 nodeSelector map:string
        8 serviceAccountName string
        9 serviceAccount string
        10 nodeName string
        11 hostNetwork bool0
        12 hostPID bool0
        13 hostIPC bool0
        14 securityContext PodSecurityContext
        15 imagePullSecrets list:LocalObjectReference
        16 hostname string
        17 subdomain string
        19 schedulerName string
        20 initContainers list:Container
        21 automountServiceAccountToken bool
        22 tolerations list:Toleration
        24 priorityClassName string
        25 priority int
        29 runtimeClassName string
        30 enableServiceLinks bool
        31 preemptionPolicy string
        33 topologySpreadConstraints list:TopologySpreadConstraint""",
    "PodSecurityContext": """
        2 runAsUser int
        3 runAsNonRoot bool
        4 supplementalGroups list:int
        5 fsGroup int
        6 runAsGroup int
        9 fsGroupChangePolicy string
        10 seccompProfile SeccompProfile""",
    "SeccompProfile": "1 type string\n2 localhostProfile string",
    "Toleration": "1 key string\n2 operator string\n3 value string\n4 effect string\n5 tolerationSeconds int",
    "TopologySpreadConstraint": """
        1 maxSkew int
        2 topologyKey string
        3 whenUnsatisfiable string
        4 labelSelector LabelSelector
        5 minDomains int
        6 nodeAffinityPolicy string
        7 nodeTaintsPolicy string
        8 matchLabelKeys list:string""",
    "Container": """
        1 name string
        2 image string
        3 command list:string
        4 args list:string
        5 workingDir string
        6 ports list:ContainerPort
        7 env list:EnvVar
        8 resources ResourceRequirements
        9 volumeMounts list:VolumeMount
        10 livenessProbe Probe
        11 readinessProbe Probe
        12 lifecycle Lifecycle
        13 terminationMessagePath string
        14 imagePullPolicy string
        15 securityContext SecurityContext
        16 stdin bool0
        17 stdinOnce bool0
        18 tty bool0
        19 envFrom list:EnvFromSource
        20 terminationMessagePolicy string
        22 startupProbe Probe""",
    "ContainerPort": "1 name string\n2 hostPort int0\n3 containerPort int\n4 protocol string\n5 hostIP string",
    "ResourceRequirements": "1 limits map:Quantity\n2 requests map:Quantity",
    "EnvVar": "1 name string\n2 value string\n3 valueFrom EnvVarSource",
    "EnvVarSource": """
        1 fieldRef ObjectFieldSelector
        2 resourceFieldRef ResourceFieldSelector
        3 configMapKeyRef KeySelector
        4 secretKeyRef KeySelector""",
    "ObjectFieldSelector": "1 apiVersion string\n2 fieldPath string",
    "ResourceFieldSelector": "1 containerName string\n2 resource string\n3 divisor Quantity",
    "KeySelector": _REFERENCE + "2 key string\n3 optional bool",
    "EnvFromSource": "1 prefix string\n2 configMapRef EnvSource\n3 secretRef EnvSource",
    "EnvSource": _REFERENCE + "2 optional bool",
    "VolumeMount": """
        1 name string
        2 readOnly bool0
        3 mountPath string
        4 subPath string
        5 mountPropagation string
        6 subPathExpr string""",
    "SecurityContext": """
        1 capabilities Capabilities
        2 privileged bool
        4 runAsUser int
        5 runAsNonRoot bool
        6 readOnlyRootFilesystem bool
        7 allowPrivilegeEscalation bool
        8 runAsGroup int
        9 procMount string
        11 seccompProfile SeccompProfile""",
    "Capabilities": "1 add list:string\n2 drop list:string",
    "Lifecycle": "1 postStart LifecycleHandler\n2 preStop LifecycleHandler",
    "LifecycleHandler": _HANDLERS + "4 sleep SleepAction",
    "SleepAction": "1 seconds int",
    "Probe": """
        1 handler inline:ProbeHandler
        2 initialDelaySeconds int0
        3 timeoutSeconds int0
        4 periodSeconds int0
        5 successThreshold int0
        6 failureThreshold int0
        7 terminationGracePeriodSeconds int""",
    "ProbeHandler": _HANDLERS,
    "ExecAction": "1 command list:string",
    "HTTPGetAction": "1 path string\n2 port IntOrString\n3 host string\n4 scheme string\n5 httpHeaders list:HTTPHeader",
    "HTTPHeader": "1 name string\n2 value string",
    "TCPSocketAction": "1 port IntOrString\n2 host string",
    "Volume": "1 name string\n2 volumeSource inline:VolumeSource",
    "VolumeSource": """
        1 hostPath HostPathVolumeSource
        2 emptyDir EmptyDirVolumeSource
        6 secret SecretVolumeSource
        10 persistentVolumeClaim PersistentVolumeClaimVolumeSource
        19 configMap ConfigMapVolumeSource""",
    "HostPathVolumeSource": "1 path string\n2 type string",
    "EmptyDirVolumeSource": "1 medium string\n2 sizeLimit Quantity",
    "SecretVolumeSource": "1 secretName string\n" + _TO_FILES,
    "ConfigMapVolumeSource": _REFERENCE + _TO_FILES,
    "KeyToPath": "1 key string\n2 path string\n3 mode int",
    "PersistentVolumeClaimVolumeSource": "1 claimName string\n2 readOnly bool0",
}
