import { ARROWS, PROCESS_PORTS, SERVER_PORTS } from '@payflow-app/contracts/arrows'
import { kubernetesSecrets, makeSecretFiles } from '../secrets.ts'
import { matches, ofKind, workloadsOf, type Manifest } from './objects.ts'
import { managedPods } from './operators.ts'
import { environmentOf, type Policy } from './policy.ts'

/** Somebody who may open a connection, or accept one. */
export interface Peer {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Undefined for what is outside the cluster. */
  readonly namespace: string | undefined
  /** For whom no label tells. */
  readonly address?: string
}

const OURS = 'payflow'

/** Whoever is not PayFlow's: those it speaks with, and those nobody may let in. */
const OUTSIDERS: readonly Peer[] = [
  { name: 'browser', labels: {}, namespace: 'ingress' },
  { name: 'prometheus', labels: {}, namespace: 'monitoring' },
  { name: 'collector', labels: {}, namespace: 'monitoring' },
  { name: 'keda', labels: {}, namespace: 'keda' },
  { name: 'cnpg-operator', labels: {}, namespace: 'cnpg-system' },
  { name: 'rabbitmq-operator', labels: {}, namespace: 'rabbitmq-system' },
  { name: 'dns', labels: { 'k8s-app': 'kube-dns' }, namespace: 'kube-system' },
  { name: 'stranger', labels: {}, namespace: 'default' },
  { name: 'smtp', labels: {}, namespace: undefined, address: '203.0.113.25' },
  { name: 'api-server', labels: {}, namespace: undefined, address: '10.96.0.1' },
]

/** Where processes answer `/metrics` in Kubernetes, and RabbitMQ. */
const METRICS_PORT = 9464
const RABBITMQ_METRICS_PORT = 15_692

/** Where each copy of CloudNativePG says how it is: to the operator, and to the other copies. */
const POSTGRES_STATUS_PORT = 8000

/** The operator of RabbitMQ asks and tells by HTTP; nodes find each other, and speak Erlang. */
const RABBITMQ_MANAGEMENT_PORT = 15_672
const RABBITMQ_NODE_PORTS = [4369, 25_672]

const API_SERVER_PORTS = [443, 6443]

const PORTS: readonly number[] = [
  ...Object.values(PROCESS_PORTS),
  ...Object.values(SERVER_PORTS),
  METRICS_PORT,
  RABBITMQ_METRICS_PORT,
  POSTGRES_STATUS_PORT,
  RABBITMQ_MANAGEMENT_PORT,
  ...RABBITMQ_NODE_PORTS,
  ...API_SERVER_PORTS,
  // Nothing should lead to these: shells and the web.
  22,
  53,
  80,
  8080,
]

type Protocol = 'TCP' | 'UDP'

/** Everybody, of the objects and around them. */
export function peersOf(objects: readonly Manifest[]): Peer[] {
  const managed = managedPods(objects)
  const own = [...workloadsOf(objects), ...managed].map(({ name, labels }): Peer => {
    return { name, labels, namespace: OURS }
  })
  // Whatever is added tomorrow and has no policy of its own yet.
  const newcomer: Peer = { name: 'newcomer', labels: {}, namespace: OURS }
  return [...own, newcomer, ...OUTSIDERS]
}

/** Whether the network policies let `from` open a connection to a port of `to`. */
export function isAllowed(
  objects: readonly Manifest[],
  from: Peer,
  to: Peer,
  port: number,
  protocol: Protocol = 'TCP',
): boolean {
  return (
    passes(objects, from, 'Egress', to, { port, protocol }) &&
    passes(objects, to, 'Ingress', from, { port, protocol })
  )
}

/**
 * One side of it. Policies add up: a pod that at least one of them selects is cut off from all that
 * none of them allows, and a pod that none selects is open (Kubernetes, "Network Policies").
 */
function passes(
  objects: readonly Manifest[],
  self: Peer,
  direction: 'Ingress' | 'Egress',
  other: Peer,
  wanted: { readonly port: number; readonly protocol: Protocol },
): boolean {
  if (self.namespace !== OURS) return true
  const policies = ofKind(objects, 'NetworkPolicy').filter(
    ({ spec }) => matches(spec.podSelector, self.labels) && spec.policyTypes.includes(direction),
  )
  if (policies.length === 0) return true
  const [rules, side] = direction === 'Ingress' ? ['ingress', 'from'] : ['egress', 'to']
  return policies.some(({ spec }) =>
    (spec[rules as string] ?? []).some(
      (rule: any) =>
        (rule.ports === undefined ||
          rule.ports.some(
            ({ port, protocol = 'TCP' }: any) =>
              port === wanted.port && protocol === wanted.protocol,
          )) &&
        (rule[side as string] === undefined ||
          rule[side as string].some((selector: any) => selects(selector, other))),
    ),
  )
}

function selects({ podSelector, namespaceSelector, ipBlock }: any, peer: Peer): boolean {
  if (ipBlock !== undefined) return peer.address !== undefined && isIn(ipBlock, peer.address)
  if (peer.namespace === undefined) return false
  const inNamespace =
    namespaceSelector === undefined
      ? peer.namespace === OURS
      : matches(namespaceSelector, { 'kubernetes.io/metadata.name': peer.namespace })
  return inNamespace && matches(podSelector ?? {}, peer.labels)
}

function isIn(
  { cidr, except = [] }: { cidr: string; except?: string[] },
  address: string,
): boolean {
  return contains(cidr, address) && !except.some((one) => contains(one, address))
}

function contains(cidr: string, address: string): boolean {
  const [base = '', bits = '32'] = cidr.split('/')
  const size = 2 ** (32 - Number(bits))
  return Math.floor(numberOf(base) / size) === Math.floor(numberOf(address) / size)
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

/** Every connection that is possible: `wallet → postgres:5432`, `wallet → dns:53/UDP`. */
export function reachable(objects: readonly Manifest[]): Set<string> {
  const peers = peersOf(objects)
  const found = new Set<string>()
  for (const from of peers) {
    for (const to of peers) {
      if (from === to || (from.namespace !== OURS && to.namespace !== OURS)) continue
      for (const port of PORTS) {
        const arrow = `${from.name} → ${to.name}:${port}`
        if (isAllowed(objects, from, to, port)) found.add(arrow)
        if (isAllowed(objects, from, to, port, 'UDP')) found.add(`${arrow}/UDP`)
      }
    }
  }
  return found
}

/** Every connection that is an arrow, and the few that Kubernetes adds. */
export function drawn(objects: readonly Manifest[]): Set<string> {
  const own = peersOf(objects).filter(({ namespace }) => namespace === OURS)
  const outside = OUTSIDERS.map(({ name }) => name)
  const arrows = ARROWS.flatMap(({ from, to }) => {
    const port = { ...PROCESS_PORTS, ...SERVER_PORTS }[to]
    if (from === 'browser') return anybody(`gateway:${port}`)
    if (from !== 'prometheus') return [`${from} → ${to}:${port}`]
    // The CronJob answers nobody: transaction-service exports what it wrote down.
    return to === 'reversal' ? [] : [`prometheus → ${to}:${METRICS_PORT}`, collectorToo(to)]
  })
  function anybody(to: string): string[] {
    return outside.filter((name) => name !== 'smtp').map((name) => `${name} → ${to}`)
  }
  // A policy knows namespaces: the collector is in the one of Prometheus.
  function collectorToo(to: string): string {
    return `collector → ${to}:${METRICS_PORT}`
  }
  return new Set([
    ...arrows,
    // From outside the cluster too.
    `smtp → gateway:${PROCESS_PORTS.gateway}`,
    ...own.flatMap(({ name }) => [`${name} → dns:53`, `${name} → dns:53/UDP`]),
    ...operatorArrows(objects),
    `keda → rabbitmq:${SERVER_PORTS.rabbitmq}`,
    ...['prometheus', 'collector'].map((name) => `${name} → rabbitmq:${RABBITMQ_METRICS_PORT}`),
    ...ARROWS.filter(({ to }) => to === 'collector').map(
      ({ from }) => `${from} → prometheus:${SERVER_PORTS.collector}`,
    ),
  ])
}

/** Named in an environment and never connected to: the job writes to the outbox. */
const ONLY_NAMED = 'reversal → rabbitmq:5672'

/** What must hold of the network. */
export const networkPolicies: Readonly<Record<string, Policy>> = {
  'whatever is an arrow is possible, and nothing else': (objects) => {
    const possible = reachable(objects)
    const wanted = drawn(objects)
    const tolerated = operatorExcess(objects)
    return [
      ...[...wanted].filter((one) => !possible.has(one)).map((one) => `cut off: ${one}`),
      ...[...possible]
        .filter((one) => !wanted.has(one) && !tolerated.has(one))
        .map((one) => `possible and no arrow: ${one}`),
    ]
  },

  'every address a process is given leads somewhere': (objects) => {
    const peers = peersOf(objects)
    return workloadsOf(objects).flatMap((workload) => {
      const self = peers.find(({ name }) => name === workload.name)
      return addressesOf(objects, workload.name).flatMap((address) => {
        const [host = '', port = ''] = address.split(':')
        const arrow = `${workload.name} → ${address}`
        const to = peers.find(({ name }) => name === host)
        if (host.includes('.') || arrow === ONLY_NAMED) return []
        if (!servicesOf(objects).has(address)) return [`${arrow}: there is no such Service`]
        if (self === undefined || to === undefined) return [`${arrow}: there are no such pods`]
        return isAllowed(objects, self, to, Number(port)) ? [] : [`${arrow}: is cut off`]
      })
    })
  },

  'an address that is used in another namespace names its own': (objects) =>
    ofKind(objects, 'TriggerAuthentication').flatMap(({ metadata, spec }) =>
      (spec.secretTargetRef ?? []).flatMap(({ name, key }: any) => {
        const url = URLS.get(`${name}/${key}`)
        if (url === undefined) return []
        // KEDA's operator dials, in its own namespace, where `rabbitmq` is nobody.
        const { hostname, port } = new URL(url)
        const [service, ...domain] = hostname.split('.')
        const isThere = servicesOf(objects).has(`${service}:${port}`)
        return isThere && domain.join('.') === `${OURS}.svc.cluster.local`
          ? []
          : [`${metadata.name} is given ${hostname}:${port}, which is nobody in another namespace`]
      }),
    ),

  'the way in is of a class every cluster has, and of no vendor': (objects) => {
    const ingresses = ofKind(objects, 'Ingress')
    const routes = ofKind(objects, 'HTTPRoute')
    if (ingresses.length + routes.length !== 1) return ['there is not one way in']
    const backends = [
      ...ingresses.flatMap(({ spec }) =>
        spec.rules.flatMap(({ http }: any) =>
          http.paths.map(({ backend }: any) => backend.service),
        ),
      ),
      ...routes.flatMap(({ spec }) => spec.rules.flatMap(({ backendRefs }: any) => backendRefs)),
    ]
    return [
      ...ingresses
        .filter(({ spec }) => spec.ingressClassName !== 'public')
        .map(({ spec }) => `the Ingress is of the class ${spec.ingressClassName}`),
      ...ingresses.flatMap(({ metadata }) =>
        Object.keys(metadata.annotations ?? {}).map((name) => `the Ingress has ${name}`),
      ),
      ...backends
        .filter(
          ({ name, port }) => name !== 'gateway' || !['http', 3000].includes(port.name ?? port),
        )
        .map(({ name }) => `the way in leads to ${name}`),
    ]
  },

  'nothing but the gateway has a way in': (objects) =>
    ofKind(objects, 'Service')
      .filter(({ spec }) => (spec.type ?? 'ClusterIP') !== 'ClusterIP')
      .map(({ metadata, spec }) => `${metadata.name} is a ${spec.type}`),
}

/** What operators and the pods they make must be able to say, or nothing of theirs comes up. */
function operatorArrows(objects: readonly Manifest[]): string[] {
  const names = managedPods(objects).map(({ name }) => name)
  const postgres = ofKind(objects, 'Cluster').flatMap(({ metadata: { name } }) =>
    [name, `${name}-job`].flatMap((to) => [
      `cnpg-operator → ${to}:${POSTGRES_STATUS_PORT}`,
      `cnpg-operator → ${to}:${SERVER_PORTS.postgres}`,
      // A Job copies from the primary; a copy that is alone asks the others whether they are.
      ...[name, `${name}-job`]
        .filter((from) => from !== to)
        .flatMap((from) => [
          `${from} → ${to}:${SERVER_PORTS.postgres}`,
          `${from} → ${to}:${POSTGRES_STATUS_PORT}`,
        ]),
    ]),
  )
  const rabbitmq = ofKind(objects, 'RabbitmqCluster').map(
    ({ metadata: { name } }) => `rabbitmq-operator → ${name}:${RABBITMQ_MANAGEMENT_PORT}`,
  )
  const apiServer = names.flatMap((from) =>
    API_SERVER_PORTS.map((port) => `${from} → api-server:${port}`),
  )
  return [...postgres, ...rabbitmq, ...apiServer]
}

/** The API server's address is the cluster's, so a policy can name its ports and not who it is. */
function operatorExcess(objects: readonly Manifest[]): Set<string> {
  const outside = OUTSIDERS.map(({ name }) => name)
  return new Set(
    managedPods(objects).flatMap((from) =>
      outside.flatMap((to) => API_SERVER_PORTS.map((port) => `${from.name} → ${to}:${port}`)),
    ),
  )
}

/** `host:port` of every URL a process is given, in its maps and in its secrets. */
function addressesOf(objects: readonly Manifest[], name: string): string[] {
  const workload = workloadsOf(objects).find((one) => one.name === name)
  if (workload === undefined) return []
  const urls = Object.entries(environmentOf(objects, workload))
    .filter(([variable]) => variable.endsWith('_URL') || variable.endsWith('_ENDPOINT'))
    .map(([, url]) => url)
  const secrets = (workload.pod.volumes ?? [])
    .flatMap(({ projected }: any) => projected?.sources ?? [])
    .flatMap(({ secret }: any) =>
      secret.items.map(({ key }: any) => URLS.get(`${secret.name}/${key}`)),
    )
    .filter((url: string | undefined) => url !== undefined)
  return [...urls, ...secrets].map((url) => new URL(url).host)
}

/** The URLs among the secrets that are made. */
const URLS = new Map(
  kubernetesSecrets(makeSecretFiles()).flatMap(({ metadata, stringData }) =>
    Object.entries(stringData)
      .filter(([, value]) => /^\w+:\/\//.test(value))
      .map(([key, value]): [string, string] => [`${metadata.name}/${key}`, value]),
  ),
)

/** `name:port` of every Service, those that operators make too. */
function servicesOf(objects: readonly Manifest[]): Set<string> {
  const own = ofKind(objects, 'Service').flatMap(({ metadata, spec }) =>
    spec.ports.map(({ port }: { port: number }) => `${metadata.name}:${port}`),
  )
  const managed = ofKind(objects, 'Cluster').flatMap(({ spec }) =>
    spec.managed.services.additional.map(
      ({ serviceTemplate }: any) => `${serviceTemplate.metadata.name}:5432`,
    ),
  )
  const broker = ofKind(objects, 'RabbitmqCluster').map(({ metadata }) => `${metadata.name}:5672`)
  return new Set([...own, ...managed, ...broker])
}
