import type { Manifest, Workload } from './objects.ts'
import { ofKind, workloadsOf } from './objects.ts'

/** Says what is wrong with rendered objects, one sentence each. */
export type Policy = (objects: readonly Manifest[]) => string[]

/** One fault or none of each workload, with its name before it. */
export function eachWorkload(
  objects: readonly Manifest[],
  faultOf: (workload: Workload) => string | undefined,
): string[] {
  return workloadsOf(objects).flatMap((workload) => {
    const fault = faultOf(workload)
    return fault === undefined ? [] : [`${workload.kind} ${workload.name} ${fault}`]
  })
}

/** The processes of ours: their pods have a container `process`. */
export function isOurs({ pod }: Workload): boolean {
  return pod.containers.some(({ name }: { name: string }) => name === 'process')
}

/** The environment of a process, from the maps it names. */
export function environmentOf(objects: readonly Manifest[], { pod }: Workload) {
  const environment: Record<string, string> = {}
  for (const { envFrom = [], env = [] } of pod.containers) {
    for (const { configMapRef } of envFrom) {
      const map = ofKind(objects, 'ConfigMap').find(({ metadata }) =>
        configMapRef === undefined ? false : metadata.name === configMapRef.name,
      )
      Object.assign(environment, map?.data)
    }
    for (const { name, value } of env) environment[name] = value
  }
  return environment
}

/** How many pods of a Deployment there are at least and at most. */
export function replicasOf(
  objects: readonly Manifest[],
  name: string,
): { min: number; max: number } {
  const targets = (one: Manifest) => one.spec.scaleTargetRef?.name === name
  const [hpa] = ofKind(objects, 'HorizontalPodAutoscaler').filter(targets)
  if (hpa !== undefined) return { min: hpa.spec.minReplicas ?? 1, max: hpa.spec.maxReplicas }
  const [scaled] = ofKind(objects, 'ScaledObject').filter(targets)
  if (scaled !== undefined) {
    return { min: scaled.spec.minReplicaCount ?? 0, max: scaled.spec.maxReplicaCount ?? 100 }
  }
  const deployment = ofKind(objects, 'Deployment').find(({ metadata }) => metadata.name === name)
  const replicas = deployment?.spec.replicas ?? 1
  return { min: replicas, max: replicas }
}
