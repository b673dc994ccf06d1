/** The part of a `pg.Pool` that {@link surviveConnectionLoss} needs. */
export interface PoolPort {
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'connect', listener: (client: ClientPort) => void): unknown
}

interface ClientPort {
  on(event: 'error', listener: (error: Error) => void): unknown
}

/**
 * Keeps the process alive when PostgreSQL ends a connection.
 *
 * `pg` takes its own error listener off a client that is checked out. If the server then ends that
 * connection between two statements of a transaction, the client's `error` event has no listener
 * and the whole Node process dies. This adds listeners that report instead; the statement that
 * comes next fails as an error of its own.
 *
 * @param onError - called for each loss; give it your logger
 */
export function surviveConnectionLoss<P extends PoolPort>(
  pool: P,
  onError: (error: Error) => void = () => {},
): P {
  pool.on('error', onError)
  pool.on('connect', (client) => {
    client.on('error', onError)
  })
  return pool
}
