import { readFileSync } from 'node:fs'
import { z } from 'zod'

const brand = Symbol.for('payflow/config-error')

/** One thing that is wrong with the environment. */
export interface ConfigFault {
  readonly name: string
  readonly message: string
}

/**
 * Thrown when the environment does not describe a runnable process. `faults` has every fault at
 * once, so that one look at the log is enough to fix them all. Values are never part of it.
 */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID'
  readonly retryable = false
  readonly faults: readonly ConfigFault[]

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map(({ name, message }) => `  ${name}: ${message}`)
    super(`The environment has ${faults.length} fault(s):\n${lines.join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
    Object.defineProperty(this, brand, { value: true })
  }

  /** Tells whether `value` is a ConfigError, also one of another copy of this module. */
  static is(value: unknown): value is ConfigError {
    return typeof value === 'object' && value !== null && brand in value
  }
}

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads and validates the configuration from the environment.
 *
 * A variable `X` may instead be given as `X_FILE`, the path of a file that holds its value: that is
 * how Kubernetes and Compose hand out secrets. Empty counts as absent. A trailing newline in a file
 * is dropped, for editors add one.
 *
 * @throws {@link ConfigError} with every fault, not just the first.
 */
export function loadConfig<S extends z.ZodObject>(
  schema: S,
  environment: Environment = process.env,
): z.output<S> {
  const faults: ConfigFault[] = []
  const input: Record<string, string> = {}
  for (const name of Object.keys(schema.shape)) {
    const value = readVariable(name, environment, faults)
    if (value !== undefined) input[name] = value
  }
  const parsed = schema.safeParse(input)
  const faulty = new Set(faults.map(({ name }) => name))
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? '(environment)')
    if (faulty.has(name)) continue
    faults.push({ name, message: name in input ? issue.message : 'is required' })
  }
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults)
  return parsed.data
}

function readVariable(
  name: string,
  environment: Environment,
  faults: ConfigFault[],
): string | undefined {
  const value = environment[name] || undefined
  const path = environment[`${name}_FILE`] || undefined
  if (path === undefined) return value
  if (value !== undefined) {
    faults.push({ name, message: `is given twice: as ${name} and as ${name}_FILE` })
    return undefined
  }
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '') || undefined
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unreadable'
    faults.push({ name, message: `the file that ${name}_FILE names cannot be read (${reason})` })
    return undefined
  }
}

/** A TCP port; 0 lets the system choose one. */
export const portVariable = z
  .string()
  .regex(/^\d{1,5}$/, 'must be a port number')
  .transform(Number)
  .pipe(z.number().max(65_535, 'must be at most 65535'))

/** A whole number between bounds. */
export function integerVariable(min: number, max: number) {
  return z
    .string()
    .regex(/^-?\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))
}

/** The address of another service, without a slash at its end. */
export const httpUrlVariable = z
  .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
  .transform((url) => url.replace(/\/+$/, ''))

/** The address of a PostgreSQL database. */
export const postgresUrlVariable = z.url({
  protocol: /^postgres(ql)?$/,
  error: 'must be a postgres:// URL',
})

/** The address of a Redis server. */
export const redisUrlVariable = z.url({ protocol: /^rediss?$/, error: 'must be a redis:// URL' })

/** The address of a RabbitMQ server. */
export const amqpUrlVariable = z.url({ protocol: /^amqps?$/, error: 'must be an amqp:// URL' })

/** A shared secret. HS256 needs as many bits as its hash has (RFC 7518 §3.2): 32 bytes. */
export const secretVariable = z.string().min(32, 'must have at least 32 characters')

/** What every process of PayFlow reads. Secrets have no defaults anywhere. */
export const processVariables = {
  NODE_ENV: z.enum(['development', 'test', 'production']).default('production'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  /** Loopback unless told otherwise: a process is not offered to the network by accident. */
  HOST: z.string().default('127.0.0.1'),
  PORT: portVariable,
  /**
   * Where `/metrics` is answered, and then only there: for a process whose PORT everybody may reach.
   * Without it PORT answers it.
   */
  METRICS_PORT: portVariable.optional(),
  /** How long a stopping process may finish what it has begun. Kubernetes kills after 30 s. */
  SHUTDOWN_DEADLINE_MS: integerVariable(0, 300_000).default(20_000),
}

/** The shape of {@link processVariables}, parsed. */
export type ProcessConfig = z.output<z.ZodObject<typeof processVariables>>
