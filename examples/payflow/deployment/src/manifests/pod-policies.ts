import { processVariables } from '@payflow-app/service-kit'
import { isPinned } from '../compose/policies.ts'
import { environmentFaults } from '../processes.ts'
import { ofKind, type Manifest, type Workload } from './objects.ts'
import { eachWorkload, environmentOf, isOurs, type Policy } from './policy.ts'

/** What must hold of every pod. */
export const podPolicies: Readonly<Record<string, Policy>> = {
  'every pod is restricted': (objects) => [
    ...eachWorkload(objects, securityFault),
    ...ofKind(objects, 'RabbitmqCluster').flatMap(brokerFaults),
  ],

  'every image is pinned by version': (objects) =>
    eachWorkload(objects, ({ pod }) => {
      const loose = containersOf(pod).filter(({ image }) => !isPinned(image))
      return loose.length === 0 ? undefined : `runs ${loose.map(({ image }) => image).join(', ')}`
    }),

  'what runs for ever is asked three different questions': (objects) =>
    eachWorkload(objects, (workload) =>
      ['Deployment', 'StatefulSet'].includes(workload.kind) ? probeFault(workload) : undefined,
    ),

  'every container says what it needs and what it may take': (objects) =>
    eachWorkload(objects, ({ pod }) => {
      const without = containersOf(pod).filter(
        ({ resources: { requests = {}, limits = {} } = {} }) =>
          [requests.cpu, requests.memory, limits.cpu, limits.memory].includes(undefined),
      )
      return without.length === 0 ? undefined : 'has no requests or no limits'
    }),

  'a pod has time to finish what it has begun': (objects) =>
    eachWorkload(objects, (workload) => {
      if (!isOurs(workload) || workload.kind !== 'Deployment') return undefined
      const environment = environmentOf(objects, workload)
      const deadlineMs = processVariables.SHUTDOWN_DEADLINE_MS.parse(
        environment['SHUTDOWN_DEADLINE_MS'],
      )
      const pauseS = workload.pod.containers[0].lifecycle?.preStop?.sleep?.seconds ?? 0
      const graceS = workload.pod.terminationGracePeriodSeconds ?? 30
      if (pauseS < 1) return 'takes SIGTERM while others still send to it'
      if (graceS * 1_000 > pauseS * 1_000 + deadlineMs) return undefined
      return `is killed after ${graceS} s, but may take ${pauseS} s and ${deadlineMs} ms`
    }),

  'a rollout takes none away before another is ready': (objects) =>
    objects
      .filter(({ kind, spec }) => kind === 'Deployment' && !isGentle(spec.strategy))
      .map(({ metadata }) => `Deployment ${metadata.name} loses pods while it is rolled out`),

  'every process is given what it reads, and nothing else': (objects) =>
    eachWorkload(objects, (workload) => {
      if (!isOurs(workload)) return undefined
      const process = workload.kind === 'CronJob' ? 'reversal-job' : workload.name
      const environment = { NODE_ENV: 'production', ...environmentOf(objects, workload) }
      const faults = environmentFaults(process, environment)
      return faults.length === 0 ? undefined : faults.join('; ')
    }),
}

function containersOf(pod: any): any[] {
  return [...(pod.initContainers ?? []), ...pod.containers]
}

function securityFault({ pod }: Workload): string | undefined {
  if (pod.automountServiceAccountToken !== false) return 'has a token for the API server'
  if (pod.enableServiceLinks !== false) return 'gets variables of every service'
  if (!pod.serviceAccountName) return 'shares its account with others'
  return sandboxFault(pod)
}

/**
 * What the operator makes has its own account, and a token: nodes ask the API server for each other.
 * Otherwise it is held to what every pod is; an older operator leaves that to the override.
 */
function brokerFaults({ metadata, spec }: Manifest): string[] {
  const {
    containers = [],
    initContainers = [],
    ...pod
  } = spec.override?.statefulSet?.spec?.template?.spec ?? {}
  const named = (list: any[], name: string) => list.find((one) => one.name === name) ?? { name }
  const fault = sandboxFault({
    ...pod,
    initContainers: [named(initContainers, 'setup-container')],
    containers: [named(containers, 'rabbitmq')],
  })
  return fault === undefined ? [] : [`RabbitmqCluster ${metadata.name} ${fault}`]
}

function sandboxFault(pod: any): string | undefined {
  const { securityContext: whole = {} } = pod
  if (pod.hostNetwork || pod.hostPID || pod.hostIPC) return 'shares something of the node'
  if ((pod.volumes ?? []).some((volume: any) => volume.hostPath)) return 'mounts the node'
  if (whole.runAsNonRoot !== true || !(whole.runAsUser > 0)) return 'may run as root'
  if (whole.seccompProfile?.type !== 'RuntimeDefault') return 'may use every system call'
  for (const { securityContext: own = {} } of containersOf(pod)) {
    if (own.privileged === true) return 'is privileged'
    if (own.runAsUser === 0 || own.runAsNonRoot === false) return 'may run as root'
    if (own.allowPrivilegeEscalation !== false) return 'may gain privileges'
    if (own.readOnlyRootFilesystem !== true) return 'may write its file system'
    const { drop = [], add = [] } = own.capabilities ?? {}
    if (drop.join() !== 'ALL' || add.length > 0) return 'keeps capabilities'
  }
  return undefined
}

function probeFault(workload: Workload): string | undefined {
  for (const { startupProbe, livenessProbe, readinessProbe } of workload.pod.containers) {
    const probes = [startupProbe, livenessProbe, readinessProbe]
    if (probes.includes(undefined)) return 'is not asked all three'
    if (new Set(probes.map((probe) => JSON.stringify(probe))).size < 3)
      return 'is asked one thing twice'
    const asks = ({ httpGet, exec, tcpSocket }: any) => JSON.stringify([httpGet, exec, tcpSocket])
    if (asks(livenessProbe) === asks(readinessProbe))
      return 'is restarted when it is only not ready'
    if (startupProbe.periodSeconds * startupProbe.failureThreshold < 60)
      return 'has no time to start'
    if (!isOurs(workload)) continue
    if (startupProbe.httpGet?.path !== '/health/startup') return 'is not asked whether it has begun'
    // What it begins with comes from others, which may still be starting or migrating.
    if (startupProbe.periodSeconds * startupProbe.failureThreshold < 300)
      return 'has no time to wait for others'
    if (livenessProbe.httpGet?.path !== '/health/live') return 'is not asked whether it lives'
    if (readinessProbe.httpGet?.path !== '/health/ready') return 'is not asked whether it is ready'
    // A check gives up after 0.8 s; a probe that gives up sooner never hears the reason.
    if (!(readinessProbe.timeoutSeconds > 1)) return 'has no time to say that it is not ready'
  }
  return undefined
}

function isGentle(strategy: any): boolean {
  const { maxSurge, maxUnavailable } = strategy?.rollingUpdate ?? {}
  return maxSurge === 1 && maxUnavailable === 0
}
