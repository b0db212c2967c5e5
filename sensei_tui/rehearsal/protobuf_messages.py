"""The protobuf messages that kubectl and Helm send: field number -> (JSON name, type).

From the `generated.proto` files of k8s.io/api and k8s.io/apimachinery. `int0` and `bool0` are fields that JSON omits
when zero (no pointer in Go); `map:T` and `list:T` hold values of T, `inline:T` has its
fields here; capitalised types are messages of this table.
"""

from __future__ import annotations

from sensei_tui.rehearsal.protobuf_pods import POD_MESSAGES


def _fields(text: str) -> dict[int, tuple[str, str]]:
    """Rows of `number name type`."""
    rows = (line.split() for line in text.splitlines() if line.strip())
    return {int(number): (name, form) for number, name, form in rows}


_META = "1 metadata ObjectMeta\n"

MESSAGES: dict[str, dict[int, tuple[str, str]]] = {
    name: _fields(text)
    for name, text in {
        "Unknown": "1 typeMeta TypeMeta\n2 raw bytes\n3 contentEncoding string\n4 contentType string",
        "TypeMeta": "1 apiVersion string\n2 kind string",
        "QuantityValue": "1 string string",
        "IntOrStringValue": "1 type int0\n2 intVal int\n3 strVal string",
        "FieldsV1Value": "1 Raw string",
        "TimeValue": "1 seconds int\n2 nanos int",
        "ObjectMeta": """
            1 name string
            2 generateName string
            3 namespace string
            4 selfLink string
            5 uid string
            6 resourceVersion string
            7 generation int0
            8 creationTimestamp Time
            9 deletionTimestamp Time
            10 deletionGracePeriodSeconds int
            11 labels map:string
            12 annotations map:string
            13 ownerReferences list:OwnerReference
            14 finalizers list:string
            17 managedFields list:ManagedFieldsEntry""",
        "OwnerReference": """
            1 kind string
            3 name string
            4 uid string
            5 apiVersion string
            6 controller bool
            7 blockOwnerDeletion bool""",
        "ManagedFieldsEntry": """
            1 manager string
            2 operation string
            3 apiVersion string
            4 time Time
            6 fieldsType string
            7 fieldsV1 FieldsV1
            8 subresource string""",
        "ObjectReference": """
            1 kind string
            2 namespace string
            3 name string
            4 uid string
            5 apiVersion string
            6 resourceVersion string
            7 fieldPath string""",
        "LocalObjectReference": "1 name string",
        "LabelSelector": "1 matchLabels map:string\n2 matchExpressions list:Requirement",
        "Requirement": "1 key string\n2 operator string\n3 values list:string",
        "DeleteOptions": """
            1 gracePeriodSeconds int
            2 preconditions Preconditions
            3 orphanDependents bool
            4 propagationPolicy string
            5 dryRun list:string
            6 ignoreStoreReadErrorWithClusterBreakingPotential bool""",
        "Preconditions": "1 uid string\n2 resourceVersion string",
        "Namespace": _META + "2 spec NamespaceSpec\n3 status NamespaceStatus",
        "NamespaceSpec": "1 finalizers list:string",
        "NamespaceStatus": "1 phase string\n2 conditions list:Condition",
        "Condition": """
            1 type string
            2 status string
            4 lastTransitionTime Time
            5 reason string
            6 message string""",
        "Secret": _META + "2 data map:bytes\n3 type string\n4 stringData map:string\n5 immutable bool",
        "ConfigMap": _META + "2 data map:string\n3 binaryData map:bytes\n4 immutable bool",
        "ResourceQuota": _META + "2 spec ResourceQuotaSpec\n3 status ResourceQuotaStatus",
        "ResourceQuotaStatus": "1 hard map:Quantity\n2 used map:Quantity",
        "ResourceQuotaSpec": "1 hard map:Quantity\n2 scopes list:string",
        "ServiceAccount": _META
        + """
            2 secrets list:ObjectReference
            3 imagePullSecrets list:LocalObjectReference
            4 automountServiceAccountToken bool""",
        "Event": _META
        + """
            2 involvedObject ObjectReference
            3 reason string
            4 message string
            5 source EventSource
            6 firstTimestamp Time
            7 lastTimestamp Time
            8 count int0
            9 type string
            10 eventTime MicroTime
            11 series EventSeries
            12 action string
            13 related ObjectReference
            14 reportingComponent string
            15 reportingInstance string""",
        "EventSource": "1 component string\n2 host string",
        "EventSeries": "1 count int0\n2 lastObservedTime MicroTime",
        "Eviction": _META + "2 deleteOptions DeleteOptions",
        "Lease": _META + "2 spec LeaseSpec",
        "LeaseSpec": """
            1 holderIdentity string
            2 leaseDurationSeconds int
            3 acquireTime MicroTime
            4 renewTime MicroTime
            5 leaseTransitions int
            6 strategy string
            7 preferredHolder string""",
        "Scale": _META + "2 spec ScaleSpec\n3 status ScaleStatus",
        "ScaleSpec": "1 replicas int",
        "ScaleStatus": "1 replicas int\n2 selector string",
        "TokenRequest": _META + "2 spec TokenRequestSpec\n3 status TokenRequestStatus",
        "TokenRequestSpec": "1 audiences list:string\n3 boundObjectRef BoundObjectReference\n4 expirationSeconds int",
        "BoundObjectReference": "1 kind string\n2 apiVersion string\n3 name string\n4 uid string",
        "TokenRequestStatus": "1 token string\n2 expirationTimestamp Time",
        "SelfSubjectReview": _META + "2 status SelfSubjectReviewStatus",
        "SelfSubjectReviewStatus": "1 userInfo UserInfo",
        "UserInfo": "1 username string\n2 uid string\n3 groups list:string",
        "SelfSubjectAccessReview": _META + "2 spec AccessSpec\n3 status AccessStatus",
        "SubjectAccessReview": _META + "2 spec AccessSpec\n3 status AccessStatus",
        "LocalSubjectAccessReview": _META + "2 spec AccessSpec\n3 status AccessStatus",
        "AccessSpec": """
            1 resourceAttributes ResourceAttributes
            2 nonResourceAttributes NonResourceAttributes
            3 user string
            4 groups list:string
            6 uid string""",
        "ResourceAttributes": """
            1 namespace string
            2 verb string
            3 group string
            4 version string
            5 resource string
            6 subresource string
            7 name string""",
        "NonResourceAttributes": "1 path string\n2 verb string",
        "AccessStatus": "1 allowed bool\n2 reason string\n3 evaluationError string\n4 denied bool",
        "SelfSubjectRulesReview": _META + "2 spec RulesReviewSpec\n3 status RulesReviewStatus",
        "RulesReviewSpec": "1 namespace string",
        "RulesReviewStatus": "3 incomplete bool\n4 evaluationError string",
        "Role": _META + "2 rules list:PolicyRule",
        "ClusterRole": _META + "2 rules list:PolicyRule\n3 aggregationRule AggregationRule",
        "AggregationRule": "1 clusterRoleSelectors list:LabelSelector",
        "PolicyRule": """
            1 verbs list:string
            2 apiGroups list:string
            3 resources list:string
            4 resourceNames list:string
            5 nonResourceURLs list:string""",
        "RoleBinding": _META + "2 subjects list:Subject\n3 roleRef RoleRef",
        "ClusterRoleBinding": _META + "2 subjects list:Subject\n3 roleRef RoleRef",
        "Subject": "1 kind string\n2 apiGroup string\n3 name string\n4 namespace string",
        "RoleRef": "1 apiGroup string\n2 kind string\n3 name string",
        "Service": _META + "2 spec ServiceSpec\n3 status ServiceStatus",
        "ServiceSpec": """
            1 ports list:ServicePort
            2 selector map:string
            3 clusterIP string
            4 type string
            5 externalIPs list:string
            7 sessionAffinity string
            8 loadBalancerIP string
            10 externalName string
            11 externalTrafficPolicy string
            12 healthCheckNodePort int0
            13 publishNotReadyAddresses bool0
            18 clusterIPs list:string
            19 ipFamilies list:string""",
        "ServicePort": """
            1 name string
            2 protocol string
            3 port int
            4 targetPort IntOrString
            5 nodePort int0
            6 appProtocol string""",
        "ServiceStatus": "1 loadBalancer LoadBalancerStatus",
        "LoadBalancerStatus": "",
        "Deployment": _META + "2 spec DeploymentSpec\n3 status DeploymentStatus",
        "DeploymentSpec": """
            1 replicas int
            2 selector LabelSelector
            3 template PodTemplateSpec
            4 strategy DeploymentStrategy
            5 minReadySeconds int0
            6 revisionHistoryLimit int
            7 paused bool0
            9 progressDeadlineSeconds int""",
        "DeploymentStrategy": "1 type string\n2 rollingUpdate RollingUpdateDeployment",
        "RollingUpdateDeployment": "1 maxUnavailable IntOrString\n2 maxSurge IntOrString",
        "DeploymentStatus": """
            1 observedGeneration int0
            2 replicas int0
            3 updatedReplicas int0
            4 availableReplicas int0
            5 unavailableReplicas int0
            7 readyReplicas int0""",
        "Job": _META + "2 spec JobSpec\n3 status JobStatus",
        "JobSpec": """
            1 parallelism int
            2 completions int
            3 activeDeadlineSeconds int
            4 selector LabelSelector
            5 manualSelector bool
            6 template PodTemplateSpec
            7 backoffLimit int
            8 ttlSecondsAfterFinished int""",
        "JobStatus": "4 active int0\n5 succeeded int0\n6 failed int0\n7 completedIndexes string",
        **POD_MESSAGES,
    }.items()
}
