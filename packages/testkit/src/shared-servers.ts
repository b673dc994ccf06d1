import { TestkitError } from './errors.ts'

/** Addresses of the servers that all test files of a run share. */
export interface SharedServers {
  readonly postgresUrl: string
  readonly redisUrl: string
  readonly rabbitmqUrl: string
}

/** What the global set-up hands to every test file. @internal */
export interface RunContext {
  readonly runId: string
  readonly seed: number
  readonly servers: SharedServers | undefined
}

const slot = Symbol.for('@payflow/testkit.run')
type Slot = { [slot]?: RunContext }

/** @internal */
export function setRunContext(context: RunContext): void {
  ;(globalThis as Slot)[slot] = context
}

/** @internal */
export function runContext(): RunContext | undefined {
  return (globalThis as Slot)[slot]
}

/** The addresses that the environment names, or undefined unless all three are there. @internal */
export function serversFromEnvironment(): Partial<SharedServers> {
  const { PAYFLOW_POSTGRES_URL, PAYFLOW_REDIS_URL, PAYFLOW_RABBITMQ_URL } = process.env
  return {
    ...(PAYFLOW_POSTGRES_URL ? { postgresUrl: PAYFLOW_POSTGRES_URL } : {}),
    ...(PAYFLOW_REDIS_URL ? { redisUrl: PAYFLOW_REDIS_URL } : {}),
    ...(PAYFLOW_RABBITMQ_URL ? { rabbitmqUrl: PAYFLOW_RABBITMQ_URL } : {}),
  }
}

/**
 * The servers every test file of this run shares: those that vitest's global set-up started, else those the
 * environment names. Never kill or freeze them; start a private one for that.
 *
 * @throws {@link TestkitError} `TESTKIT_NO_SHARED_SERVERS` outside both.
 */
export function sharedServers(): SharedServers {
  const context = runContext()
  if (context?.servers !== undefined) return context.servers
  const { postgresUrl, redisUrl, rabbitmqUrl } = serversFromEnvironment()
  if (postgresUrl && redisUrl && rabbitmqUrl) return { postgresUrl, redisUrl, rabbitmqUrl }
  throw new TestkitError(
    'TESTKIT_NO_SHARED_SERVERS',
    'no shared servers: run the file in a vitest project with the global set-up and set-up file of ' +
      '@payflow/testkit, or set PAYFLOW_POSTGRES_URL, PAYFLOW_REDIS_URL and PAYFLOW_RABBITMQ_URL',
  )
}
