import { QUEUE_BANDS, QUEUES } from '@payflow-app/contracts'
import { DATABASE_POOL_MAX } from '@payflow-app/service-kit'
import { REVERSAL_POOL_MAX } from '@payflow-app/worker/reversal'
import { batchesOf, worker, workerPoolMax } from '@payflow-app/worker/worker'
import { matches, ofKind, workloadsOf, type Manifest } from './objects.ts'
import { brokersOf } from './operators.ts'
import { environmentOf, replicasOf, type Policy } from './policy.ts'
import { needsOf, quantity } from './resources.ts'

const autoscalersOf = (objects: readonly Manifest[]) =>
  ofKind(objects, 'HorizontalPodAutoscaler', 'ScaledObject')

/** People, the metrics exporter, and what PostgreSQL keeps for the superuser. */
const CONNECTIONS_TO_SPARE = 10

/** What must hold when everything is at its largest, and while a node is emptied. */
export const scalePolicies: Readonly<Record<string, Policy>> = {
  'the quota holds everything at its largest, and little more': (objects) => {
    const [quota, ...others] = ofKind(objects, 'ResourceQuota')
    if (quota === undefined || others.length > 0) return ['there is not one quota']
    const needs = needsOf(objects)
    return Object.entries(needs).flatMap(([resource, need]) => {
      const hard = quantity(String(quota.spec.hard[resource] ?? '0'))
      if (hard < need) return [`the quota has ${hard} ${resource}, and ${need} are needed`]
      return hard > need * 1.5 ? [`the quota has ${hard} ${resource}, for a need of ${need}`] : []
    })
  },

  'every Deployment has one who decides how many': (objects) =>
    ofKind(objects, 'Deployment').flatMap(({ metadata: { name }, spec }) => {
      const autoscalers = autoscalersOf(objects).filter(
        (one) => one.spec.scaleTargetRef.name === name,
      )
      const voices = autoscalers.length + (spec.replicas === undefined ? 0 : 1)
      return voices === 1 ? [] : [`${voices} decide how many ${name} there are`]
    }),

  'every autoscaler has something to scale, and never scales to none': (objects) =>
    autoscalersOf(objects).flatMap(({ metadata, spec }) => {
      const { name, kind } = spec.scaleTargetRef
      const there = objects.some((one) => one.kind === kind && one.metadata.name === name)
      const { min, max } = replicasOf(objects, name)
      if (!there) return [`${metadata.name} scales ${name}, which does not exist`]
      return min >= 1 && min < max ? [] : [`${metadata.name} scales from ${min} to ${max}`]
    }),

  'the worker is scaled by the band of the queue': (objects) =>
    ofKind(objects, 'ScaledObject').flatMap(({ spec }) => {
      const { type, metadata = {} } = spec.triggers[0] ?? {}
      const { queueName, mode, value } = metadata
      const right =
        type === 'rabbitmq' &&
        mode === 'QueueLength' &&
        queueName === QUEUES.execute &&
        value === String(QUEUE_BANDS.fineMax)
      return right ? [] : [`the worker is scaled by ${mode} ${value} of ${queueName}`]
    }),

  'a budget leaves every drain one pod to take': (objects) =>
    ofKind(objects, 'PodDisruptionBudget').flatMap(({ metadata: { name }, spec }) => {
      const brokers = brokersOf(objects)
      const covered = [...workloadsOf(objects), ...brokers].filter(({ labels }) =>
        matches(spec.selector, labels),
      )
      if (covered.length !== 1) return [`the budget ${name} covers ${covered.length} workloads`]
      const broker = brokers.find((one) => one === covered[0])
      const min = broker?.count ?? replicasOf(objects, covered[0]?.name ?? '').min
      const { maxUnavailable, minAvailable, unhealthyPodEvictionPolicy } = spec
      const spare = minAvailable === undefined ? maxUnavailable : min - minAvailable
      if (!(spare >= 1)) return [`the budget ${name} blocks the drain of ${min} pods`]
      if (broker !== undefined && min - spare <= min / 2)
        return [`a drain under the budget ${name} takes the majority of ${min} brokers`]
      return unhealthyPodEvictionPolicy === 'AlwaysAllow'
        ? []
        : [`a pod that is not ready blocks a drain under the budget ${name}`]
    }),

  // CloudNativePG makes its own for PostgreSQL; the operator of RabbitMQ makes none.
  'every Deployment has a budget, and so has every broker of an operator': (objects) =>
    [...workloadsOf(objects), ...brokersOf(objects)]
      .filter(({ kind }) => kind === 'Deployment' || kind === 'RabbitmqCluster')
      .filter(
        ({ labels }) =>
          ofKind(objects, 'PodDisruptionBudget').filter(({ spec }) =>
            matches(spec.selector, labels),
          ).length !== 1,
      )
      .map(({ name }) => `${name} has not one budget`),

  'pods are spread over nodes and zones': (objects) =>
    workloadsOf(objects).flatMap(({ kind, name, pod, labels }) => {
      if (kind !== 'Deployment') return []
      const spread = (pod.topologySpreadConstraints ?? []).filter(
        ({ labelSelector, matchLabelKeys = [] }: any) =>
          matches(labelSelector, labels) && matchLabelKeys.includes('app.kubernetes.io/name'),
      )
      const keys = spread.map(({ topologyKey }: { topologyKey: string }) => topologyKey)
      return keys.join() === 'kubernetes.io/hostname,topology.kubernetes.io/zone'
        ? []
        : [`${name} is spread over ${keys.join() || 'nothing'}`]
    }),

  'PostgreSQL has a connection for every pool at its largest': (objects) => {
    const needed = connectionsNeeded(objects) + CONNECTIONS_TO_SPARE
    const there = connectionsThere(objects)
    return there >= needed ? [] : [`PostgreSQL takes ${there} connections, for ${needed}`]
  },
}

/** Connections of all pools at the most pods, one above while a Deployment is rolled out. */
export function connectionsNeeded(objects: readonly Manifest[]): number {
  let sum = 0
  for (const workload of workloadsOf(objects)) {
    const environment = environmentOf(objects, workload)
    if (environment['DATABASE_URL_FILE'] === undefined) continue
    const { WORKER_CONCURRENCY, WORKER_BATCH } = worker.variables
    const { atOnce } = batchesOf(
      WORKER_CONCURRENCY.parse(environment['WORKER_CONCURRENCY']),
      WORKER_BATCH.parse(environment['WORKER_BATCH']),
    )
    const pools: Readonly<Record<string, number>> = {
      worker: workerPoolMax(atOnce),
      reversal: REVERSAL_POOL_MAX,
    }
    const pool = pools[workload.name] ?? DATABASE_POOL_MAX
    const pods = workload.kind === 'Deployment' ? replicasOf(objects, workload.name).max + 1 : 1
    sum += pods * pool
  }
  return sum
}

function connectionsThere(objects: readonly Manifest[]): number {
  const [cluster] = ofKind(objects, 'Cluster')
  if (cluster !== undefined) return Number(cluster.spec.postgresql.parameters['max_connections'])
  const postgres = workloadsOf(objects).find(({ name }) => name === 'postgres')
  const args: string[] = postgres?.pod.containers[0].args ?? []
  return Number(/max_connections=(\d+)/.exec(args.join(' '))?.[1] ?? 0)
}
