// The build tag "providerless" leaves out what would come from here; the module itself is served no more.
module k8s.io/legacy-cloud-providers

go 1.26.0
