import { ofKind, workloadsOf } from './objects.ts'
import { environmentOf, type Policy } from './policy.ts'

/** Values that belong to a demonstration. Absent is right for all of them. */
const REFUSED: Readonly<Record<string, (value: string) => boolean>> = {
  PAYFLOW_RATE_LIMITS: (value) => value !== 'on',
  PAYFLOW_LAB: () => true,
  PAYFLOW_PROBES: () => true,
  NODE_ENV: (value) => value !== 'production',
  OPENING_CREDIT_MINOR: (value) => value !== '0',
  COOKIE_SECURE: (value) => value !== 'on',
  REVERSAL_NOT_BEFORE: () => true,
}

/** What must hold of production, and need not of a laboratory. */
export const productionPolicies: Readonly<Record<string, Policy>> = {
  'nothing of the laboratory is in production': (objects) => [
    ...workloadsOf(objects).flatMap((workload) =>
      Object.entries(environmentOf(objects, workload))
        .filter(([name, value]) => REFUSED[name]?.(value) === true)
        .map(([name, value]) => `${workload.name} has ${name}=${value}`),
    ),
    ...ofKind(objects, 'Namespace')
      .filter(({ metadata }) => metadata.labels?.['payflow/lab'] !== undefined)
      .map(() => 'the namespace is a laboratory'),
  ],

  'what keeps data has copies, and a commit is on two of them': (objects) => {
    const [postgres] = ofKind(objects, 'Cluster')
    const [rabbitmq] = ofKind(objects, 'RabbitmqCluster')
    const { instances = 0, postgresql = {} } = postgres?.spec ?? {}
    const { number = 0, dataDurability } = postgresql.synchronous ?? {}
    const faults = []
    if (instances < 3) faults.push(`PostgreSQL has ${instances} copies`)
    if (number < 1 || dataDurability !== 'required') faults.push('a commit may be lost with a node')
    if (number >= instances - 1) faults.push('the loss of one copy stops PostgreSQL')
    const nodes = rabbitmq?.spec.replicas ?? 0
    if (nodes < 3 || nodes % 2 === 0) faults.push(`RabbitMQ has ${nodes} nodes`)
    return faults
  },

  'the way in is encrypted': (objects) =>
    ofKind(objects, 'Ingress').flatMap(({ metadata, spec }) => {
      const hosts: string[] = (spec.tls ?? []).flatMap((one: { hosts: string[] }) => one.hosts)
      const open = spec.rules.filter(({ host }: { host?: string }) => !hosts.includes(host ?? ''))
      return open.length === 0 ? [] : [`${metadata.name} answers in the open`]
    }),

  'every process survives the loss of a node': (objects) =>
    ofKind(objects, 'HorizontalPodAutoscaler', 'ScaledObject')
      .filter(({ spec }) => (spec.minReplicas ?? spec.minReplicaCount ?? 0) < 2)
      .map(({ metadata }) => `there may be only one ${metadata.name}`),
}
