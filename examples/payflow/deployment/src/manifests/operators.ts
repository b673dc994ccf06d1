import { ofKind, type Manifest } from './objects.ts'

/** Pods that an operator makes, which no object of ours describes. */
export interface ManagedPods {
  readonly kind: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Ports by the names that the operator gives them. */
  readonly ports: ReadonlyMap<string, number>
  readonly count: number
}

const CNPG_PORTS = new Map([
  ['postgresql', 5432],
  ['metrics', 9187],
  ['status', 8000],
])

const RABBITMQ_PORTS = new Map([
  ['epmd', 4369],
  ['amqp', 5672],
  ['management', 15_672],
  ['prometheus', 15_692],
])

/**
 * The pods that operators make. CloudNativePG gives inherited labels to its instances alone; the
 * pods of its Jobs, which make the first copy and join the others, have its own.
 */
export function managedPods(objects: readonly Manifest[]): ManagedPods[] {
  return [...ofKind(objects, 'Cluster').flatMap(postgresPods), ...brokersOf(objects)]
}

/** The pods of RabbitMQ; the operator labels them with the name of their cluster. */
export function brokersOf(objects: readonly Manifest[]): ManagedPods[] {
  return ofKind(objects, 'RabbitmqCluster').map(({ kind, metadata: { name }, spec }) => ({
    kind,
    name,
    labels: { 'app.kubernetes.io/name': name },
    ports: RABBITMQ_PORTS,
    count: spec.replicas,
  }))
}

function postgresPods({ kind, metadata: { name }, spec }: Manifest): ManagedPods[] {
  const labels = { 'cnpg.io/cluster': name, 'app.kubernetes.io/name': 'postgresql' }
  const inherited = { ...labels, ...spec.inheritedMetadata?.labels }
  return [
    { kind, name, labels: inherited, ports: CNPG_PORTS, count: spec.instances },
    { kind, name: `${name}-job`, labels, ports: new Map(), count: 1 },
  ]
}
