import { connect, credentials as mechanisms } from 'amqplib'
import type { ChannelModel } from 'amqplib'
import { BrokerUnavailableError } from '../errors.ts'
import type { ConnectionPurpose } from '../events.ts'
import type { BrokerOptions } from '../options.ts'
import { errorText } from '../reporter.ts'
import { nodeOf } from './endpoints.ts'
import { readServer } from './server-version.ts'
import type { BrokerServer } from './server-version.ts'

/** A connection as it was opened. */
export interface OpenedConnection {
  readonly model: ChannelModel
  /** `host:port` of the node. */
  readonly node: string
  readonly server: BrokerServer
  /** Resolves with the reason when it is lost or closed. */
  readonly lost: Promise<unknown>
  /** How long its credentials say they are good, in ms. */
  readonly validForMs: number | undefined
}

interface OpenOptions {
  readonly url: string
  readonly broker: BrokerOptions
  readonly connectTimeoutMs: number
  readonly source: string
  readonly purpose: ConnectionPurpose
}

const CLOSE_TIMEOUT_MS = 2_000

/** Asks for the credentials and connects with them, all within `connectTimeoutMs`. */
export async function openConnection(options: OpenOptions): Promise<OpenedConnection> {
  const { url, broker, connectTimeoutMs, source, purpose } = options
  const startedAt = performance.now()
  const given = await askCredentials(broker, connectTimeoutMs)
  const leftMs = Math.max(1, connectTimeoutMs - (performance.now() - startedAt))
  const open = broker.connect ?? connect
  const model = await open(withHeartbeat(url, broker.heartbeatS ?? 10), {
    ...broker.tls,
    noDelay: true,
    timeout: Math.ceil(leftMs),
    clientProperties: { connection_name: `${source} (${purpose})` },
    ...(given === undefined
      ? {}
      : { credentials: mechanisms.plain(given.username, given.password) }),
  })
  const lost = new Promise<unknown>((resolve) => {
    let reason: unknown
    model.on('error', (error) => (reason = error))
    model.on('close', (error) => {
      // After missed heartbeats amqplib leaves the socket open, and a broker that was only asleep
      // would go on delivering into it.
      destroySocket(model)
      resolve(reason ?? error ?? new Error('The connection closed'))
    })
  })
  const { validForMs } = given ?? {}
  return { model, node: nodeOf(url), server: readServer(model), lost, validForMs }
}

/** A secret store that hangs must not keep the bus from trying again. */
async function askCredentials(
  broker: BrokerOptions,
  timeoutMs: number,
): Promise<{ username: string; password: string; validForMs?: number | undefined } | undefined> {
  if (broker.credentials === undefined) return undefined
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(new BrokerUnavailableError(`broker.credentials gave no answer in ${timeoutMs} ms`))
  }, timeoutMs)
  try {
    return await Promise.race([broker.credentials(), late])
  } catch (error) {
    if (error instanceof BrokerUnavailableError) throw error
    const text = `broker.credentials failed: ${errorText(error)}`
    throw new BrokerUnavailableError(text, error)
  } finally {
    clearTimeout(timer)
  }
}

/** A heartbeat already in the URL wins. */
function withHeartbeat(url: string, heartbeatS: number): string {
  const parsed = new URL(url)
  if (!parsed.searchParams.has('heartbeat')) {
    parsed.searchParams.set('heartbeat', String(heartbeatS))
  }
  return parsed.href
}

/** A frozen broker never answers the close handshake, so the socket is cut after a while. */
export async function closeModel(model: ChannelModel): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)
  const closed = model.close().catch(() => {})
  await Promise.race([closed, late])
  clearTimeout(timer)
  destroySocket(model)
}

/** Ends a connection that is not believed any more, without a word to the broker. */
export function cutModel(model: ChannelModel, reason: Error): void {
  const { stream } = model.connection as { stream?: { destroy?: (error: Error) => void } }
  stream?.destroy?.(reason)
}

/** Whether nobody has a channel open on it; when in doubt, somebody has. */
export function isUnused(model: ChannelModel): boolean {
  const { channels } = model.connection as { channels?: unknown }
  // The first is amqplib's own.
  return Array.isArray(channels) && channels.slice(1).every((channel) => channel === null)
}

function destroySocket(model: ChannelModel): void {
  const { stream } = model.connection as { stream?: { destroy?: () => void } }
  stream?.destroy?.()
}
