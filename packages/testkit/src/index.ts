export { spawnChild, type Child, type SpawnChildOptions } from './child.ts'
export { childProbe, type Probe, type ProbeAction } from './child-probe.ts'
export {
  createTestDatabase,
  type TestDatabase,
  type TestDatabaseOptions,
  withClient,
} from './database.ts'
export { TestkitError, type TestkitErrorCode } from './errors.ts'
export { ProbeLink, isProbeMessage, type WaitOptions } from './probe-link.ts'
export { isOpenToAll, temporaryFolder } from './processes/folders.ts'
export {
  spawnOwned,
  type ExitInfo,
  type OwnedProcess,
  type OwnedProcessOptions,
} from './processes/owned-process.ts'
export { freePort, isPortFree } from './processes/ports.ts'
export { isAlive, processTree, signalAll } from './processes/process-tree.ts'
export { between, seeded, shuffled, type Random } from './random.ts'
export { random, randomInteger, seed } from './seed.ts'
export { aptFinished } from './servers/apt.ts'
export { ensureServers, lookForServer } from './servers/find.ts'
export { pingPostgres } from './servers/postgres.ts'
export { pingRabbitmq } from './servers/rabbitmq.ts'
export { pingRedis } from './servers/redis.ts'
export {
  findChromium,
  findDockerCompose,
  findPrometheus,
  findSpin,
  type PrometheusPrograms,
  type Spin,
} from './servers/programs.ts'
export {
  startRabbitCluster,
  type RabbitCluster,
  type RabbitClusterOptions,
  type RabbitNode,
} from './servers/rabbit-cluster.ts'
export {
  startRedisCluster,
  type RedisCluster,
  type RedisClusterOptions,
} from './servers/redis-cluster.ts'
export type { Server, ServerKind, ServerOptions } from './servers/server.ts'
export {
  startPostgres,
  startRabbitmq,
  startRedis,
  type PostgresOptions,
  type RabbitmqOptions,
  type RedisOptions,
} from './servers/start.ts'
export { sharedServers, type SharedServers } from './shared-servers.ts'
export { uniqueName } from './unique-name.ts'
export { pause, waitFor, type WaitForOptions } from './wait-for.ts'
export { wholeNumber } from './whole-number.ts'
