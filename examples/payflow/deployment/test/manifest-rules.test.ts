/*
 * Goal: each rule for the manifests notices what it is for.
 * Method: the rendered overlay with one thing broken, as somebody might break it. Without this table a
 * rule that always says "fine" would look like a good rule.
 */
import { describe, expect, test } from 'vitest'
import { everywhere, inProduction } from '../src/manifests/index.ts'
import type { Manifest } from '../src/manifests/objects.ts'
import { rendered } from './support/rendered.ts'

type Objects = { kind: string; metadata: any; spec: any; data?: any }[]

/** The objects to break, and how to find one. */
interface Scene {
  readonly objects: Objects
  readonly get: (kind: string, name: string) => any
  readonly map: (name: string) => any
  readonly pod: (name: string) => any
  readonly main: (name: string) => any
}

function sceneOf(variant: string): Scene {
  const objects = structuredClone(rendered[variant]) as unknown as Objects
  const find = (kind: string, name: string) => {
    const found = objects.find((one) => one.kind === kind && one.metadata.name.startsWith(name))
    if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
    return found
  }
  const pod = (name: string) => find('Deployment', name).spec.template.spec
  return {
    objects,
    pod,
    get: (kind, name) => find(kind, name).spec,
    map: (name) => find('ConfigMap', `${name}-`).data,
    main: (name) => pod(name).containers[0],
  }
}

type Breakage = readonly [rule: string, what: string, breakIt: (scene: Scene) => unknown]

const breakages: readonly Breakage[] = [
  ['every pod is restricted', 'root', ({ pod }) => (pod('wallet').securityContext.runAsUser = 0)],
  [
    'every pod is restricted',
    'maybe root',
    ({ pod }) => delete pod('wallet').securityContext.runAsNonRoot,
  ],
  [
    'every pod is restricted',
    'no seccomp',
    ({ pod }) => delete pod('wallet').securityContext.seccompProfile,
  ],
  [
    'every pod is restricted',
    'a token',
    ({ pod }) => delete pod('wallet').automountServiceAccountToken,
  ],
  [
    'every pod is restricted',
    'service links',
    ({ pod }) => (pod('wallet').enableServiceLinks = true),
  ],
  [
    'every pod is restricted',
    'the network of the node',
    ({ pod }) => (pod('wallet').hostNetwork = true),
  ],
  [
    'every pod is restricted',
    'a folder of the node',
    ({ pod }) => pod('wallet').volumes.push({ name: 'x', hostPath: { path: '/' } }),
  ],
  [
    'every pod is restricted',
    'an account for all',
    ({ pod }) => delete pod('wallet').serviceAccountName,
  ],
  [
    'every pod is restricted',
    'privileges',
    ({ main }) => (main('wallet').securityContext.privileged = true),
  ],
  [
    'every pod is restricted',
    'escalation',
    ({ main }) => delete main('wallet').securityContext.allowPrivilegeEscalation,
  ],
  [
    'every pod is restricted',
    'a file system to write',
    ({ main }) => (main('wallet').securityContext.readOnlyRootFilesystem = false),
  ],
  [
    'every pod is restricted',
    'a capability',
    ({ main }) => (main('wallet').securityContext.capabilities.add = ['NET_ADMIN']),
  ],
  [
    'every pod is restricted',
    'a job as root',
    ({ get }) => (get('Job', 'migrations').template.spec.securityContext.runAsUser = 0),
  ],
  [
    'every pod is restricted',
    'a server that writes',
    ({ get }) =>
      (get(
        'StatefulSet',
        'redis',
      ).template.spec.containers[0].securityContext.readOnlyRootFilesystem = false),
  ],
  [
    'every image is pinned by version',
    'latest',
    ({ main }) => (main('wallet').image = 'payflow/wallet:latest'),
  ],
  [
    'every image is pinned by version',
    'no tag',
    ({ main }) => (main('wallet').image = 'localhost:32000/payflow/wallet'),
  ],
  [
    'every image is pinned by version',
    'a moving tag',
    ({ get }) => (get('StatefulSet', 'redis').template.spec.containers[0].image = 'redis:7'),
  ],
  [
    'what runs for ever is asked three different questions',
    'no start-up probe',
    ({ main }) => delete main('wallet').startupProbe,
  ],
  [
    'what runs for ever is asked three different questions',
    'liveness that asks the database',
    ({ main }) => (main('wallet').livenessProbe.httpGet.path = '/health/ready'),
  ],
  [
    'what runs for ever is asked three different questions',
    'readiness that asks nobody',
    ({ main }) => (main('wallet').readinessProbe.httpGet.path = '/health/live'),
  ],
  [
    'what runs for ever is asked three different questions',
    'a start that is too short',
    ({ main }) => (main('wallet').startupProbe.failureThreshold = 3),
  ],
  [
    'what runs for ever is asked three different questions',
    'a start that does not wait for others',
    ({ main }) => (main('wallet').startupProbe.failureThreshold = 30),
  ],
  [
    'what runs for ever is asked three different questions',
    'a start that asks what liveness asks',
    ({ main }) => (main('wallet').startupProbe.httpGet.path = '/health/live'),
  ],
  [
    'what runs for ever is asked three different questions',
    'an impatient probe',
    ({ main }) => delete main('wallet').readinessProbe.timeoutSeconds,
  ],
  [
    'every container says what it needs and what it may take',
    'no limit',
    ({ main }) => delete main('wallet').resources.limits.memory,
  ],
  [
    'every container says what it needs and what it may take',
    'nothing',
    ({ main }) => delete main('wallet').resources,
  ],
  [
    'a pod has time to finish what it has begun',
    'too little',
    ({ pod }) => (pod('wallet').terminationGracePeriodSeconds = 25),
  ],
  [
    'a pod has time to finish what it has begun',
    'a longer deadline',
    ({ map }) => (map('wallet').SHUTDOWN_DEADLINE_MS = '60000'),
  ],
  [
    'a pod has time to finish what it has begun',
    'no pause',
    ({ main }) => delete main('wallet').lifecycle,
  ],
  [
    'a rollout takes none away before another is ready',
    'Recreate',
    ({ get }) => (get('Deployment', 'wallet').strategy = { type: 'Recreate' }),
  ],
  [
    'a rollout takes none away before another is ready',
    'one away',
    ({ get }) => (get('Deployment', 'wallet').strategy.rollingUpdate.maxUnavailable = 1),
  ],
  [
    'every process is given what it reads, and nothing else',
    'a variable too few',
    ({ map }) => delete map('wallet').JWKS_URL,
  ],
  [
    'every process is given what it reads, and nothing else',
    'a typing error',
    ({ map }) => (map('worker').WORKER_CONCURENCY = '4'),
  ],
  [
    'every process is given what it reads, and nothing else',
    'a value that is refused',
    ({ map }) => (map('gateway').TRUSTED_PROXY_HOPS = 'one'),
  ],
  [
    'every process is given what it reads, and nothing else',
    'no rate limits',
    ({ map }) => (map('gateway').PAYFLOW_RATE_LIMITS = 'off'),
  ],
  [
    'every process is given what it reads, and nothing else',
    'a job without its variable',
    ({ map }) => delete map('reversal').WALLET_URL,
  ],
  [
    'every map that is named exists, and no other',
    'another name',
    ({ main }) => (main('wallet').envFrom[0].configMapRef.name = 'wallets'),
  ],
  [
    'every map that is named exists, and no other',
    'one that neither a process nor Grafana reads',
    ({ objects }) => objects.push({ kind: 'ConfigMap', metadata: { name: 'left' }, spec: {} }),
  ],
  [
    'every secret that is named is made, and no other',
    'another key',
    ({ pod }) => (pod('wallet').volumes[0].projected.sources[0].secret.items[0].key = 'uri'),
  ],
  [
    'every secret that is named is made, and no other',
    'another name',
    ({ get }) => (get('TriggerAuthentication', 'rabbitmq').secretTargetRef[0].name = 'rabbit'),
  ],
  [
    'every secret that is named is made, and no other',
    'a secret left over',
    ({ pod }) => pod('auth').volumes[0].projected.sources.pop(),
  ],
  [
    'no secret is written down',
    'a Secret',
    ({ objects }) => objects.push({ kind: 'Secret', metadata: { name: 'x' }, spec: {} }),
  ],
  [
    'no secret is written down',
    'in a map',
    ({ map }) => (map('wallet').SERVICE_KEY_WORKER_TO_WALLET = 'correct horse battery staple'),
  ],
  [
    'every file a process reads is mounted',
    'another path',
    ({ map }) => (map('wallet').DATABASE_URL_FILE = '/run/secrets/database-url'),
  ],
  [
    'every file a process reads is mounted',
    'a secret it does not read',
    ({ map }) => delete map('wallet').DATABASE_URL_FILE,
  ],
  [
    'every port that is named exists',
    'a probe',
    ({ main }) => (main('wallet').livenessProbe.httpGet.port = 'https'),
  ],
  [
    'every port that is named exists',
    'a Service',
    ({ get }) => (get('Service', 'wallet').ports[0].targetPort = 'web'),
  ],
  [
    'every port that is named exists',
    'a Service that leads nowhere',
    ({ get }) => (get('Service', 'wallet').selector = { 'app.kubernetes.io/name': 'walet' }),
  ],
  [
    'every port that is named exists',
    'a Service that leads everywhere',
    ({ get }) => (get('Service', 'wallet').selector = { 'app.kubernetes.io/part-of': 'payflow' }),
  ],
  [
    'a process listens on the ports its pod names',
    'another port',
    ({ map }) => (map('wallet').PORT = '3009'),
  ],
  [
    'a process listens on the ports its pod names',
    'metrics for everybody',
    ({ map }) => delete map('gateway').METRICS_PORT,
  ],
  [
    'every pod is of one selector, and every selector of one workload',
    'all of them',
    ({ get }) =>
      (get('Deployment', 'wallet').selector.matchLabels = {
        'app.kubernetes.io/part-of': 'payflow',
      }),
  ],
  [
    'the quota holds everything at its largest, and little more',
    'too small for the autoscaler',
    ({ get }) => (get('HorizontalPodAutoscaler', 'wallet').maxReplicas = 40),
  ],
  [
    'the quota holds everything at its largest, and little more',
    'so large that it guards nothing',
    ({ get }) => (get('ResourceQuota', 'payflow').hard['requests.cpu'] = '400'),
  ],
  [
    'the quota holds everything at its largest, and little more',
    'none',
    ({ objects }) =>
      objects.splice(
        objects.findIndex(({ kind }) => kind === 'ResourceQuota'),
        1,
      ),
  ],
  [
    'every Deployment has one who decides how many',
    'replicas beside an autoscaler',
    ({ get }) => (get('Deployment', 'worker').replicas = 2),
  ],
  [
    'every Deployment has one who decides how many',
    'nobody',
    ({ objects }) =>
      objects.splice(
        objects.findIndex(({ kind }) => kind === 'ScaledObject'),
        1,
      ),
  ],
  [
    'every autoscaler has something to scale, and never scales to none',
    'nothing',
    ({ get }) => (get('HorizontalPodAutoscaler', 'wallet').scaleTargetRef.name = 'walet'),
  ],
  [
    'every autoscaler has something to scale, and never scales to none',
    'to none',
    ({ get }) => (get('ScaledObject', 'worker').minReplicaCount = 0),
  ],
  [
    'every autoscaler has something to scale, and never scales to none',
    'never',
    ({ get }) => (get('HorizontalPodAutoscaler', 'wallet').maxReplicas = 1),
  ],
  [
    'the worker is scaled by the band of the queue',
    'another band',
    ({ get }) => (get('ScaledObject', 'worker').triggers[0].metadata.value = '500'),
  ],
  [
    'the worker is scaled by the band of the queue',
    'another queue',
    ({ get }) => (get('ScaledObject', 'worker').triggers[0].metadata.queueName = 'payments'),
  ],
  [
    'a budget leaves every drain one pod to take',
    'none',
    ({ get }) => (get('PodDisruptionBudget', 'wallet').maxUnavailable = 0),
  ],
  [
    'a budget leaves every drain one pod to take',
    'as many as there are',
    ({ get }) =>
      Object.assign(get('PodDisruptionBudget', 'wallet'), {
        maxUnavailable: undefined,
        minAvailable: 1,
      }),
  ],
  [
    'a budget leaves every drain one pod to take',
    'a pod that is not ready',
    ({ get }) => delete get('PodDisruptionBudget', 'wallet').unhealthyPodEvictionPolicy,
  ],
  [
    'every Deployment has a budget, and so has every broker of an operator',
    'another selector',
    ({ get }) =>
      (get('PodDisruptionBudget', 'wallet').selector.matchLabels = {
        'app.kubernetes.io/name': 'walet',
      }),
  ],
  [
    'pods are spread over nodes and zones',
    'not at all',
    ({ pod }) => delete pod('wallet').topologySpreadConstraints,
  ],
  [
    'pods are spread over nodes and zones',
    'all processes as one',
    ({ pod }) => delete pod('wallet').topologySpreadConstraints[0].matchLabelKeys,
  ],
  [
    'PostgreSQL has a connection for every pool at its largest',
    'more pools',
    ({ get }) => (get('ScaledObject', 'worker').maxReplicaCount = 40),
  ],
  [
    'PostgreSQL has a connection for every pool at its largest',
    'larger pools',
    ({ map }) => Object.assign(map('worker'), { WORKER_CONCURRENCY: '100', WORKER_BATCH: '1' }),
  ],
  [
    'the reversal runs every minute, one at a time, and never hangs',
    'beside itself',
    ({ get }) => (get('CronJob', 'reversal').concurrencyPolicy = 'Allow'),
  ],
  [
    'the reversal runs every minute, one at a time, and never hangs',
    'hourly',
    ({ get }) => (get('CronJob', 'reversal').schedule = '0 * * * *'),
  ],
  [
    'the reversal runs every minute, one at a time, and never hangs',
    'suspended',
    ({ get }) => (get('CronJob', 'reversal').suspend = true),
  ],
  [
    'the reversal runs every minute, one at a time, and never hangs',
    'no deadline to start',
    ({ get }) => delete get('CronJob', 'reversal').startingDeadlineSeconds,
  ],
  [
    'the reversal runs every minute, one at a time, and never hangs',
    'no deadline to end',
    ({ get }) => delete get('CronJob', 'reversal').jobTemplate.spec.activeDeadlineSeconds,
  ],
  [
    'the reversal runs every minute, one at a time, and never hangs',
    'killed too early',
    ({ get }) => (get('CronJob', 'reversal').jobTemplate.spec.activeDeadlineSeconds = 30),
  ],
  [
    'the reversal runs every minute, one at a time, and never hangs',
    'retried',
    ({ get }) => (get('CronJob', 'reversal').jobTemplate.spec.backoffLimit = 6),
  ],
  [
    'the reversal runs every minute, one at a time, and never hangs',
    'never cleaned up',
    ({ get }) => delete get('CronJob', 'reversal').jobTemplate.spec.ttlSecondsAfterFinished,
  ],
  [
    'the reversal is run by the command that reports',
    'tolerant',
    ({ get }) =>
      get('CronJob', 'reversal').jobTemplate.spec.template.spec.containers[0].command.push(
        '--tolerate-mass-reversal',
      ),
  ],
  [
    'the reversal is run by the command that reports',
    'another command',
    ({ get }) =>
      (get('CronJob', 'reversal').jobTemplate.spec.template.spec.containers[0].command = [
        'node',
        'src/reversal-main.ts',
      ]),
  ],
  [
    'the migrations end, and are cleaned up',
    'never',
    ({ get }) => delete get('Job', 'migrations').activeDeadlineSeconds,
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'an arrow cut off',
    ({ get }) => get('NetworkPolicy', 'wallet').ingress.shift(),
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'everything',
    ({ objects }) =>
      objects.splice(0, objects.length, ...objects.filter(({ kind }) => kind !== 'NetworkPolicy')),
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'the ledger open to the gateway',
    ({ get }) => (
      delete get('NetworkPolicy', 'postgres').ingress[0].from,
      get('NetworkPolicy', 'gateway').egress.push({})
    ),
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'the wallet open to strangers',
    ({ get }) => delete get('NetworkPolicy', 'wallet').ingress[0].from,
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'mail to anywhere in the cluster',
    ({ get }) => (get('NetworkPolicy', 'notification').egress = [{}]),
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'a pod of no policy',
    ({ get }) => (get('NetworkPolicy', 'default-deny').podSelector = { matchLabels: { app: 'x' } }),
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'names looked up by TCP alone',
    ({ get }) => (get('NetworkPolicy', 'dns').egress[0].ports[0].protocol = 'TCP'),
  ],
  [
    'an address that is used in another namespace names its own',
    'the short name for KEDA',
    ({ get }) => (get('TriggerAuthentication', 'rabbitmq').secretTargetRef[0].key = 'url'),
  ],
  [
    'every address a process is given leads somewhere',
    'another port',
    ({ map }) => (map('gateway').WALLET_URL = 'http://wallet:3002'),
  ],
  [
    'every address a process is given leads somewhere',
    'another name',
    ({ map }) => (map('gateway').WALLET_URL = 'http://wallets:3001'),
  ],
  [
    'every address a process is given leads somewhere',
    'an arrow nobody drew',
    ({ map }) => (map('wallet').JWKS_URL = 'http://transaction:3002'),
  ],
  [
    'the way in is of a class every cluster has, and of no vendor',
    'an annotation of nginx',
    ({ objects }) =>
      (objects.find(({ kind }) => kind === 'Ingress')!.metadata.annotations = {
        'nginx.ingress.kubernetes.io/limit-rps': '5',
      }),
  ],
  [
    'the way in is of a class every cluster has, and of no vendor',
    'another class',
    ({ get }) => (get('Ingress', 'gateway').ingressClassName = 'nginx'),
  ],
  [
    'the way in is of a class every cluster has, and of no vendor',
    'another backend',
    ({ get }) => (get('Ingress', 'gateway').rules[0].http.paths[0].backend.service.name = 'wallet'),
  ],
  [
    'nothing but the gateway has a way in',
    'a port on every node',
    ({ get }) => (get('Service', 'wallet').type = 'NodePort'),
  ],
]

/** Of rules for every overlay, what only production has to break. */
const operatorBreakages: readonly Breakage[] = [
  [
    'whatever is an arrow is possible, and nothing else',
    'the Jobs of CloudNativePG without a policy',
    ({ get }) =>
      (get('NetworkPolicy', 'postgres-operator').podSelector.matchLabels = {
        'app.kubernetes.io/name': 'postgres',
      }),
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'a copy that cannot join',
    ({ get }) =>
      (get('NetworkPolicy', 'postgres-operator').ingress[0].from[0].podSelector.matchLabels = {
        'app.kubernetes.io/name': 'postgres',
      }),
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'a Job that may not copy',
    ({ get }) =>
      (get('NetworkPolicy', 'postgres-operator').egress[0].to[0].podSelector.matchLabels = {
        'app.kubernetes.io/name': 'postgres',
      }),
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'no API server',
    ({ get }) => get('NetworkPolicy', 'postgres-operator').egress.pop(),
  ],
  [
    'whatever is an arrow is possible, and nothing else',
    'a copy that cannot ask the others',
    ({ get }) => get('NetworkPolicy', 'postgres-operator').ingress[0].ports.pop(),
  ],
  [
    'every pod is restricted',
    'a broker as the operator before 2.17 makes it',
    ({ get }) =>
      Object.assign(get('RabbitmqCluster', 'rabbitmq').override.statefulSet.spec.template.spec, {
        securityContext: undefined,
        initContainers: undefined,
        containers: [],
      }),
  ],
  [
    'every pod is restricted',
    'a broker whose set-up may do anything',
    ({ get }) =>
      (get('RabbitmqCluster', 'rabbitmq').override.statefulSet.spec.template.spec.initContainers =
        []),
  ],
  [
    'every pod is restricted',
    'a broker that keeps capabilities',
    ({ get }) =>
      delete get('RabbitmqCluster', 'rabbitmq').override.statefulSet.spec.template.spec
        .containers[0].securityContext.capabilities,
  ],
  [
    'every Deployment has a budget, and so has every broker of an operator',
    'brokers without',
    ({ objects }) =>
      objects.splice(
        objects.findIndex(
          ({ kind, metadata }) => kind === 'PodDisruptionBudget' && metadata.name === 'rabbitmq',
        ),
        1,
      ),
  ],
  [
    'a budget leaves every drain one pod to take',
    'and leaves brokers their majority',
    ({ get }) => (get('PodDisruptionBudget', 'rabbitmq').maxUnavailable = 2),
  ],
  [
    'every port that is named exists',
    'a broker scraped by a name that its operator does not give',
    ({ get }) => (get('PodMonitor', 'rabbitmq').podMetricsEndpoints[0].port = 'metrics'),
  ],
  [
    'every port that is named exists',
    'nobody to scrape',
    ({ get }) => (get('PodMonitor', 'rabbitmq').selector.matchLabels = { app: 'rabbit' }),
  ],
]

const inProductionOnly: readonly Breakage[] = [
  [
    'nothing of the laboratory is in production',
    'money for nothing',
    ({ map }) => (map('wallet').OPENING_CREDIT_MINOR = '100000'),
  ],
  [
    'nothing of the laboratory is in production',
    'no rate limits',
    ({ map }) => (map('gateway').PAYFLOW_RATE_LIMITS = 'off'),
  ],
  [
    'nothing of the laboratory is in production',
    'the laboratory',
    ({ map }) => (map('gateway').PAYFLOW_LAB = '1'),
  ],
  [
    'nothing of the laboratory is in production',
    'cookies in the open',
    ({ map }) => (map('auth').COOKIE_SECURE = 'off'),
  ],
  [
    'nothing of the laboratory is in production',
    'not production',
    ({ map }) => (map('auth').NODE_ENV = 'development'),
  ],
  [
    'nothing of the laboratory is in production',
    'its label',
    ({ objects }) =>
      (objects.find(({ kind }) => kind === 'Namespace')!.metadata.labels['payflow/lab'] =
        'enabled'),
  ],
  [
    'what keeps data has copies, and a commit is on two of them',
    'one copy',
    ({ get }) => (get('Cluster', 'postgres').instances = 1),
  ],
  [
    'what keeps data has copies, and a commit is on two of them',
    'a commit on one',
    ({ get }) => (get('Cluster', 'postgres').postgresql.synchronous.number = 0),
  ],
  [
    'what keeps data has copies, and a commit is on two of them',
    'a commit on all',
    ({ get }) => (get('Cluster', 'postgres').postgresql.synchronous.number = 2),
  ],
  [
    'what keeps data has copies, and a commit is on two of them',
    'a preference',
    ({ get }) => (get('Cluster', 'postgres').postgresql.synchronous.dataDurability = 'preferred'),
  ],
  [
    'what keeps data has copies, and a commit is on two of them',
    'an even number of brokers',
    ({ get }) => (get('RabbitmqCluster', 'rabbitmq').replicas = 2),
  ],
  ['the way in is encrypted', 'in the open', ({ get }) => delete get('Ingress', 'gateway').tls],
  [
    'every process survives the loss of a node',
    'one gateway',
    ({ get }) => (get('HorizontalPodAutoscaler', 'gateway').minReplicas = 1),
  ],
]

describe('a rule for every overlay notices', () => {
  test.each(breakages)('that "%s" is broken: %s', (rule, _, breakIt) => {
    const scene = sceneOf('microk8s')
    breakIt(scene)
    expect(everywhere[rule]?.(scene.objects as unknown as Manifest[])).not.toEqual([])
  })

  test.each(operatorBreakages)('in production, that "%s" is broken: %s', (rule, _, breakIt) => {
    const scene = sceneOf('production')
    breakIt(scene)
    expect(everywhere[rule]?.(scene.objects as unknown as Manifest[])).not.toEqual([])
  })

  test('each is broken at least once', () => {
    expect(new Set(breakages.map(([rule]) => rule))).toEqual(new Set(Object.keys(everywhere)))
  })
})

describe('a rule for production notices', () => {
  test.each(inProductionOnly)('that "%s" is broken: %s', (rule, _, breakIt) => {
    const scene = sceneOf('production')
    breakIt(scene)
    expect(inProduction[rule]?.(scene.objects as unknown as Manifest[])).not.toEqual([])
  })

  test('what is right on one machine', () => {
    const faults = Object.values(inProduction).flatMap((rule) => rule(rendered['microk8s'] ?? []))
    expect(faults).toEqual(
      expect.arrayContaining([
        'wallet has OPENING_CREDIT_MINOR=100000',
        'auth has COOKIE_SECURE=off',
        'the namespace is a laboratory',
        'gateway answers in the open',
      ]),
    )
  })

  test('each is broken at least once here', () => {
    expect(new Set(inProductionOnly.map(([rule]) => rule))).toEqual(
      new Set(Object.keys(inProduction)),
    )
  })
})
