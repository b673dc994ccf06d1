import { ARROWS, PROCESS_PORTS, SERVER_PORTS } from '@payflow-app/contracts/arrows'
import { kubernetesSecrets, makeSecretFiles } from '../secrets.ts'
import { matches, ofKind, workloadsOf, type Manifest } from './objects.ts'
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
  { name: 'dns', labels: { 'k8s-app': 'kube-dns' }, namespace: 'kube-system' },
  { name: 'stranger', labels: {}, namespace: 'default' },
  { name: 'smtp', labels: {}, namespace: undefined, address: '203.0.113.25' },
]

/** Where processes answer `/metrics` in Kubernetes, and RabbitMQ. */
const METRICS_PORT = 9464
const RABBITMQ_METRICS_PORT = 15_692

const PORTS: readonly number[] = [
  ...Object.values(PROCESS_PORTS),
  ...Object.values(SERVER_PORTS),
  METRICS_PORT,
  RABBITMQ_METRICS_PORT,
  // Nothing should lead to these: shells, the web, the API server, management, Erlang.
  22,
  80,
  443,
  4369,
  6443,
  8080,
  15_672,
  25_672,
]

/** Everybody, of the objects and around them. What operators make has the name of its label. */
export function peersOf(objects: readonly Manifest[]): Peer[] {
  const managed = ofKind(objects, 'Cluster', 'RabbitmqCluster').map(({ metadata }) => ({
    kind: 'managed',
    name: metadata.name,
    labels: { 'app.kubernetes.io/name': metadata.name },
  }))
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
): boolean {
  return passes(objects, from, 'Egress', to, port) && passes(objects, to, 'Ingress', from, port)
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
  port: number,
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
        (rule.ports === undefined || rule.ports.some((one: any) => one.port === port)) &&
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

/** Every connection that is possible: `wallet → postgres:5432`. */
export function reachable(objects: readonly Manifest[]): Set<string> {
  const peers = peersOf(objects)
  const found = new Set<string>()
  for (const from of peers) {
    for (const to of peers) {
      if (from === to || (from.namespace !== OURS && to.namespace !== OURS)) continue
      for (const port of [...PORTS, ...(to.name === 'dns' ? [53] : [])]) {
        if (isAllowed(objects, from, to, port)) found.add(`${from.name} → ${to.name}:${port}`)
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
    ...own.map(({ name }) => `${name} → dns:53`),
    `keda → rabbitmq:${SERVER_PORTS.rabbitmq}`,
    ...['prometheus', 'collector'].map((name) => `${name} → rabbitmq:${RABBITMQ_METRICS_PORT}`),
    ...ARROWS.filter(({ to }) => to === 'collector').map(
      ({ from }) => `${from} → prometheus:${SERVER_PORTS.collector}`,
    ),
  ])
}

/** Named in an environment and never connected to: the job writes to the outbox. */
const ONLY_NAMED = 'reversal → rabbitmq:5672'

/** What must hold of the network. `extra` is what an overlay's operators say among themselves. */
export const networkPolicies: Readonly<Record<string, Policy>> = {
  'whatever is an arrow is possible, and nothing else': (objects) => {
    const possible = reachable(objects)
    const wanted = drawn(objects)
    const operators = operatorConnections(objects)
    return [
      ...[...wanted].filter((one) => !possible.has(one)).map((one) => `cut off: ${one}`),
      ...[...possible]
        .filter((one) => !wanted.has(one) && !operators.has(one))
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

function operatorConnections(objects: readonly Manifest[]): Set<string> {
  if (ofKind(objects, 'Cluster').length === 0) return new Set()
  const everybody = peersOf(objects)
    .filter(({ namespace }) => namespace !== OURS)
    .map(({ name }) => name)
  const managed = ['postgres', 'rabbitmq']
  // The API server's address is the cluster's, so the port is all that can be said.
  return new Set(
    managed.flatMap((from) =>
      everybody.flatMap((to) => [443, 6443].map((port) => `${from} → ${to}:${port}`)),
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
