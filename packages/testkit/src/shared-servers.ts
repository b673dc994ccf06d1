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
  /** Those that this project of vitest has. */
  readonly servers: Partial<SharedServers> | undefined
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

/** The addresses that the environment names. @internal */
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
 * @throws {@link TestkitError} `TESTKIT_NO_SHARED_SERVERS` by an address that there is none for.
 */
export function sharedServers(): SharedServers {
  const servers = runContext()?.servers ?? serversFromEnvironment()
  const address = (name: keyof SharedServers): string => {
    const url = servers[name]
    if (url !== undefined) return url
    throw new TestkitError(
      'TESTKIT_NO_SHARED_SERVERS',
      `no ${name}: run the file in a vitest project with the global set-up and set-up file of ` +
        '@payflow/testkit, or set PAYFLOW_POSTGRES_URL, PAYFLOW_REDIS_URL and PAYFLOW_RABBITMQ_URL',
    )
  }
  return {
    get postgresUrl() {
      return address('postgresUrl')
    },
    get redisUrl() {
      return address('redisUrl')
    },
    get rabbitmqUrl() {
      return address('rabbitmqUrl')
    },
  }
}
