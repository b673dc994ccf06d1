import type { Channel } from 'amqplib'
import type { EventEmitter } from 'node:events'

/** What a socket offers for it. */
interface Corkable extends Pick<EventEmitter, 'on' | 'prependListener'> {
  cork(): void
  uncork(): void
}

const prepared = new WeakSet<Corkable>()
const gathering = new WeakSet<Corkable>()

/**
 * What is published in one turn of the event loop goes to the socket in few pieces. amqplib writes each
 * message by itself, and the system call costs more than all the rest of sending it.
 */
export function gatherWrites(channel: Channel): void {
  const stream = socketOf(channel)
  if (stream === undefined || gathering.has(stream)) return
  if (!prepared.has(stream)) prepare(stream)
  gathering.add(stream)
  stream.cork()
  // amqplib hands over in an immediate of its own, queued after the first of ours and before the second.
  setImmediate(() => {
    setImmediate(() => {
      gathering.delete(stream)
      stream.uncork()
    })
  })
}

/** What did not fit into the socket's buffer follows on 'drain': amqplib's listener is between ours. */
function prepare(stream: Corkable): void {
  prepared.add(stream)
  stream.prependListener('drain', () => stream.cork())
  stream.on('drain', () => stream.uncork())
}

/** Not in amqplib's types, nor there in a broker in memory; without it messages go one by one. */
function socketOf(channel: Channel): Corkable | undefined {
  const { connection } = channel as { connection?: { stream?: Partial<Corkable> } }
  const stream = connection?.stream
  if (typeof stream?.cork !== 'function' || typeof stream.uncork !== 'function') return undefined
  return stream as Corkable
}
