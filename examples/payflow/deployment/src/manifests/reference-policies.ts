import { kubernetesSecrets, makeSecretFiles } from '../secrets.ts'
import { matches, ofKind, workloadsOf, type Manifest } from './objects.ts'
import { managedPods, type ManagedPods } from './operators.ts'
import { eachWorkload, environmentOf, isOurs, type Policy } from './policy.ts'

const FILES = { ...makeSecretFiles(), 'smtp-url': 'smtp://user:password@mail.example.com:587' }

/** The Secrets that `npm run secrets -- --kubernetes` makes, and the one of the mail server. */
const MADE = new Map(
  kubernetesSecrets(FILES).map(({ metadata, stringData }) => [
    metadata.name,
    Object.keys(stringData),
  ]),
)

/** The operators use every key of the first two; mail is sent where there is a mail server. */
const MAY_BE_UNUSED = ['rabbitmq', 'postgres', 'smtp']

/** What the objects say of each other must be there. */
export const referencePolicies: Readonly<Record<string, Policy>> = {
  'every map that is named exists, and no other': (objects) => {
    const named = workloadsOf(objects).flatMap(({ pod }) =>
      pod.containers.flatMap(({ envFrom = [] }: any) =>
        envFrom.map(({ configMapRef }: any) => configMapRef?.name),
      ),
    )
    const there = ofKind(objects, 'ConfigMap')
      // These are for Grafana, which finds them by their label.
      .filter(({ metadata }) => metadata.labels?.['grafana_dashboard'] !== '1')
      .map(({ metadata }) => metadata.name)
    return [
      ...named.filter((name) => !there.includes(name)).map((name) => `there is no map ${name}`),
      ...there.filter((name) => !named.includes(name)).map((name) => `nobody uses the map ${name}`),
    ]
  },

  'every secret that is named is made, and no other': (objects) => {
    const used = secretKeysOf(objects)
    const missing = used.filter(({ name, key }) => !MADE.get(name)?.includes(key))
    const unused = [...MADE].flatMap(([name, keys]) =>
      keys
        .filter((key) => !used.some((one) => one.name === name && one.key === key))
        .filter(() => !MAY_BE_UNUSED.includes(name))
        .map((key) => `${name}/${key}`),
    )
    return [
      ...missing.map(({ name, key }) => `no secret ${name} with a key ${key} is made`),
      ...unused.map((secret) => `nobody uses the secret ${secret}`),
    ]
  },

  'no secret is written down': (objects) => [
    ...ofKind(objects, 'Secret').map(
      ({ metadata }) => `the Secret ${metadata.name} is in the open`,
    ),
    ...ofKind(objects, 'ConfigMap').flatMap(({ metadata, data = {} }) =>
      Object.entries(data)
        .filter(
          ([key, value]) =>
            /(PASSWORD|SECRET|TOKEN|JWK|KEY)(_FILE)?$|SERVICE_KEY_/.test(key) &&
            !isPath(key, value),
        )
        .map(([key]) => `${metadata.name} has ${key} in the open`),
    ),
  ],

  'every file a process reads is mounted': (objects) =>
    eachWorkload(objects, (workload) => {
      if (!isOurs(workload)) return undefined
      const mounted = mountedFiles(workload.pod)
      const read = Object.entries(environmentOf(objects, workload))
        .filter(([name]) => name.endsWith('_FILE'))
        .map(([, path]) => path)
      const missing = read.filter((path) => !mounted.includes(path))
      const idle = mounted.filter((path) => !read.includes(path))
      if (missing.length > 0) return `has no ${missing.join(', ')}`
      return idle.length === 0 ? undefined : `is given ${idle.join(', ')} and does not read it`
    }),

  'every port that is named exists': (objects) => [
    ...eachWorkload(objects, ({ pod }) => {
      for (const { ports = [], startupProbe, livenessProbe, readinessProbe } of pod.containers) {
        const names = ports.map(({ name }: { name: string }) => name)
        const asked = [startupProbe, livenessProbe, readinessProbe]
          .flatMap((probe) => [probe?.httpGet?.port, probe?.tcpSocket?.port])
          .filter((port) => port !== undefined)
        const unknown = asked.filter((port) => !names.includes(port))
        if (unknown.length > 0) return `has no port ${unknown.join(', ')}`
      }
      return undefined
    }),
    ...ofKind(objects, 'Service').flatMap(({ metadata, spec }) => {
      const pods = workloadsOf(objects).filter(({ labels }) =>
        matches({ matchLabels: spec.selector }, labels),
      )
      if (pods.length !== 1) return [`Service ${metadata.name} leads to ${pods.length} workloads`]
      const there = portsOf(pods[0]?.pod)
      return spec.ports
        .filter(({ targetPort }: any) => !there.has(targetPort))
        .map(({ targetPort }: any) => `Service ${metadata.name} has no port ${targetPort}`)
    }),
    ...ofKind(objects, 'PodMonitor').flatMap(({ metadata, spec }) => {
      const selected = scrapableOf(objects).filter(({ labels }) => matches(spec.selector, labels))
      if (selected.length === 0) return [`PodMonitor ${metadata.name} finds no pods`]
      return spec.podMetricsEndpoints.flatMap(({ port }: { port: string }) =>
        selected
          .filter(({ ports }) => !ports.has(port))
          .map(({ name }) => `PodMonitor ${metadata.name} finds no port ${port} on ${name}`),
      )
    }),
  ],

  'a process listens on the ports its pod names': (objects) =>
    eachWorkload(objects, (workload) => {
      if (!isOurs(workload) || workload.kind !== 'Deployment') return undefined
      const { PORT, METRICS_PORT } = environmentOf(objects, workload)
      const ports = portsOf(workload.pod)
      if (String(ports.get('http')) !== PORT) return `listens on ${PORT}`
      return String(ports.get('metrics')) === METRICS_PORT ? undefined : 'shows its metrics to all'
    }),

  'every pod is of one selector, and every selector of one workload': (objects) =>
    ofKind(objects, 'Deployment', 'StatefulSet').flatMap(({ metadata, spec }) => {
      const selected = workloadsOf(objects).filter(({ labels }) => matches(spec.selector, labels))
      return selected.length === 1 && selected[0]?.name === metadata.name
        ? []
        : [`${metadata.name} selects ${selected.map(({ name }) => name).join(', ') || 'nothing'}`]
    }),
}

/** What runs for ever and so can be scraped, an operator's pods too. A Job is gone before. */
function scrapableOf(
  objects: readonly Manifest[],
): Pick<ManagedPods, 'name' | 'labels' | 'ports'>[] {
  const own = workloadsOf(objects)
    .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
    .map(({ name, labels, pod }) => ({ name, labels, ports: portsOf(pod) }))
  return [...own, ...managedPods(objects)]
}

interface SecretKey {
  readonly name: string
  readonly key: string
}

function secretKeysOf(objects: readonly Manifest[]): SecretKey[] {
  const keys: SecretKey[] = []
  for (const { pod } of workloadsOf(objects)) {
    for (const { projected, secret } of pod.volumes ?? []) {
      const sources = projected?.sources.map((source: any) => source.secret) ?? []
      if (secret !== undefined) sources.push({ name: secret.secretName, items: secret.items })
      for (const { name, items = [] } of sources) {
        for (const { key } of items) keys.push({ name, key })
      }
    }
  }
  for (const { spec } of ofKind(objects, 'TriggerAuthentication')) {
    for (const { name, key } of spec.secretTargetRef ?? []) keys.push({ name, key })
  }
  return keys
}

function mountedFiles(pod: any): string[] {
  const mounts: any[] = pod.containers.flatMap(({ volumeMounts = [] }: any) => volumeMounts)
  return mounts.flatMap(({ name, mountPath }) => {
    const volume = (pod.volumes ?? []).find((one: any) => one.name === name)
    const items = volume?.projected?.sources.flatMap((source: any) => source.secret.items) ?? []
    return items.map(({ path }: { path: string }) => `${mountPath}/${path}`)
  })
}

function portsOf(pod: any): Map<string, number> {
  return new Map(
    pod.containers.flatMap(({ ports = [] }: any) =>
      ports.map(({ name, containerPort }: any) => [name, containerPort]),
    ),
  )
}

function isPath(key: string, value: string): boolean {
  return key.endsWith('_FILE') && value.startsWith('/run/secrets/')
}
