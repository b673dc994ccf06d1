import { ofKind, workloadsOf, type Manifest } from './objects.ts'
import { replicasOf } from './policy.ts'

/** What a ResourceQuota counts; CPU in cores, memory in bytes. */
export type Needs = Readonly<Record<(typeof COUNTED)[number], number>>

const COUNTED = ['requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory', 'pods'] as const

const SUFFIXES: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
}

/** The number behind a quantity such as `250m` or `2Gi`. */
export function quantity(text: string): number {
  const [, count = '', suffix = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text) ?? []
  const factor = SUFFIXES[suffix]
  if (count === '' || factor === undefined) throw new Error(`${text} is no quantity`)
  return Number(count) * factor
}

interface Group {
  readonly pods: number
  readonly each: readonly any[]
}

/**
 * What all pods take together at the most: every autoscaler at its maximum, every Deployment one pod
 * above while it is rolled out, both jobs running, the operators' pods, and a mesh's proxies.
 */
export function needsOf(objects: readonly Manifest[]): Needs {
  const needs: Record<string, number> = Object.fromEntries(COUNTED.map((name) => [name, 0]))
  const add = (name: string, count: number) => (needs[name] = (needs[name] ?? 0) + count)
  for (const { pods, each } of groupsOf(objects)) {
    add('pods', pods)
    for (const resources of each) {
      for (const kind of ['requests', 'limits'] as const) {
        for (const what of ['cpu', 'memory'] as const) {
          add(`${kind}.${what}`, pods * quantity(String(resources?.[kind]?.[what] ?? '0')))
        }
      }
    }
  }
  // Sums of thousandths are not exact in binary; a quota is written in thousandths.
  return Object.fromEntries(
    COUNTED.map((name) => [name, Math.round((needs[name] ?? 0) * 1000) / 1000]),
  ) as Needs
}

function groupsOf(objects: readonly Manifest[]): Group[] {
  const proxy = proxyOf(objects)
  const meshed = (annotations: any) =>
    proxy !== undefined && annotations?.['linkerd.io/inject'] !== 'disabled'
  const ours = workloadsOf(objects).map(({ kind, name, pod }): Group => {
    const surge = kind === 'Deployment' ? 1 : 0
    const own = pod.containers.map(({ resources }: any) => resources)
    const { metadata } = templateOf(objects, kind, name)
    return {
      pods: kind === 'Deployment' ? replicasOf(objects, name).max + surge : 1,
      each: meshed(metadata?.annotations) ? [...own, proxy] : own,
    }
  })
  // CloudNativePG makes a new copy with a Job before an old one goes.
  const postgres = ofKind(objects, 'Cluster').map(({ spec }): Group => {
    return { pods: spec.instances + 1, each: [spec.resources] }
  })
  const rabbitmq = ofKind(objects, 'RabbitmqCluster').map(({ spec }): Group => {
    return { pods: spec.replicas, each: [spec.resources] }
  })
  return [...ours, ...postgres, ...rabbitmq]
}

function templateOf(objects: readonly Manifest[], kind: string, name: string): any {
  const object = ofKind(objects, kind).find(({ metadata }) => metadata.name === name)
  return kind === 'CronJob' ? object?.spec.jobTemplate.spec.template : object?.spec.template
}

/** What Linkerd adds to each pod, when the namespace asks for it. */
function proxyOf(objects: readonly Manifest[]): object | undefined {
  const annotations = ofKind(objects, 'Namespace')[0]?.metadata.annotations ?? {}
  if (annotations['linkerd.io/inject'] !== 'enabled') return undefined
  const of = (name: string) => annotations[`config.linkerd.io/proxy-${name}`]
  return {
    requests: { cpu: of('cpu-request'), memory: of('memory-request') },
    limits: { cpu: of('cpu-limit'), memory: of('memory-limit') },
  }
}
