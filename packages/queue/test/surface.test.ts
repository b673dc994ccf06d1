// What the package lets its users reach. The type assertions are checked by the compiler.
import { Kysely, PostgresDialect } from 'kysely'
import type { Transaction } from 'kysely'
import pg from 'pg'
import { describe, expect, expectTypeOf, it } from 'vitest'
import * as queue from '../src/index.ts'
import type {
  Bus,
  Consumer,
  DeliveryContext,
  HandlerTransaction,
  Outbox,
  ReceivedMessage,
  Relay,
  TransactionContext,
} from '../src/index.ts'
import { Delivery } from '../src/consumer/delivery.ts'
import { ChannelGeneration } from '../src/consumer/delivery.ts'
import { CommitReceipt, DuplicateReceipt, MovedReceipt } from '../src/consumer/proof.ts'
import { NoteWritten } from './support/messages.ts'
import type { Note } from './support/messages.ts'

type Forbidden = 'ack' | 'nack' | 'reject' | 'channel' | 'settle' | 'commit' | 'rollback'
type Reachable = keyof Bus | keyof Consumer<unknown> | keyof Outbox | keyof Relay
type InHandlers =
  | keyof TransactionContext<unknown>
  | keyof DeliveryContext
  | keyof ReceivedMessage<1>

describe('the public surface', () => {
  it('QUEUE-10 has no way to acknowledge, to reach a channel or to commit', () => {
    expectTypeOf<Extract<Reachable, Forbidden>>().toBeNever()
    expectTypeOf<Extract<InHandlers, Forbidden>>().toBeNever()
    const names = Object.keys(queue)
    expect(names.toSorted()).toEqual([
      'BlockedError',
      'BrokerUnavailableError',
      'CommitRolledBackError',
      'ConfirmLostError',
      'ConfirmTimeoutError',
      'InvalidMessageError',
      'NackedError',
      'QueueError',
      'TooLargeError',
      'UnroutableError',
      'createBus',
      'createQueueMigrations',
      'deadLetter',
      'defineMessage',
      'migrateQueue',
      'retryAfter',
    ])
  })

  it('QUEUE-10 gives handlers a transaction that fits wherever one is taken, but ends nowhere', () => {
    expectTypeOf<HandlerTransaction<{ a: { b: string } }>>().toExtend<
      Transaction<{ a: { b: string } }>
    >()
    expectTypeOf<HandlerTransaction<any>['commit']>().toEqualTypeOf<undefined>()
    expectTypeOf<HandlerTransaction<any>['rollback']>().toEqualTypeOf<undefined>()
    expectTypeOf<ReturnType<HandlerTransaction<any>['transaction']>>().toBeNever()
    expectTypeOf<ReturnType<HandlerTransaction<any>['connection']>>().toBeNever()
  })

  it('QUEUE-10 settles a delivery once, on the channel that brought it, and only by proof', () => {
    const written: string[] = []
    const channel = {
      ack: () => written.push('ack'),
      nack: () => written.push('nack'),
    }
    const generation = new ChannelGeneration(channel as never)
    const delivery = (): Delivery => new Delivery({ fields: {} } as never, generation)
    for (const proof of [new CommitReceipt(), new DuplicateReceipt(), new MovedReceipt()]) {
      expect(delivery().ack(proof)).toBe(true)
    }
    for (const forged of [{ kind: 'commit' }, undefined, Object.create(CommitReceipt.prototype)]) {
      expect(() => delivery().ack(forged as never)).toThrow('proof')
    }
    const settled = delivery()
    settled.release()
    expect(() => settled.ack(new CommitReceipt())).toThrow('settled before')
    expect(() => settled.release()).toThrow('settled before')
    expect(written).toEqual(['ack', 'ack', 'ack', 'nack'])
    const stale = delivery()
    generation.kill()
    expect(stale.ack(new CommitReceipt())).toBe(false)
    expect(written).toHaveLength(4)
  })

  it('infers what a handler and a publisher are given', () => {
    const take = (bus: Bus): void => {
      bus.consumer({ name: 'n', queue: 'q', messages: [NoteWritten] }).handle(NoteWritten, {
        decide: async (message) => {
          expectTypeOf(message.data).toEqualTypeOf<Note>()
          return 7
        },
        record: async (_message, decision) => {
          expectTypeOf(decision).toEqualTypeOf<number>()
        },
      })
      // @ts-expect-error -- the data is not a note
      void bus.publish(NoteWritten, { subject: 1 })
    }
    expect(take).toBeTypeOf('function')
  })

  it('refuses options that are out of range, by name', () => {
    const db = new Kysely<any>({ dialect: new PostgresDialect({ pool: new pg.Pool() }) })
    const options = { broker: { url: 'amqp://127.0.0.1:1' }, db, source: 'tests' }
    const bus = queue.createBus(options)
    const consumer = { name: 'n', queue: 'q', messages: [NoteWritten] }
    const refused = [
      () => queue.createBus({ ...options, source: '' }),
      () => queue.createBus({ ...options, schema: 'x; drop table' }),
      () => queue.createBus({ ...options, broker: { url: 'amqp://x', heartbeatS: 0 } }),
      () => queue.createBus({ ...options, maxMessageBytes: 0 }),
      () => bus.consumer({ ...consumer, messages: [] }),
      () => bus.consumer({ ...consumer, concurrency: 0 }),
      () => bus.consumer({ ...consumer, concurrency: 8, prefetch: 4 }),
      () => bus.consumer({ ...consumer, retry: { attempts: 0 } }),
      () => bus.consumer({ ...consumer, retry: { delaysMs: [] } }),
      () => bus.relay({ batchSize: 0 }),
      () => bus.relay({ partitions: 17 }),
      () => queue.defineMessage({ ...NoteWritten, type: 'no spaces' }),
      () => queue.defineMessage({ ...NoteWritten, version: 0 }),
    ]
    for (const attempt of refused) {
      expect(attempt).toThrow(expect.objectContaining({ code: 'QUEUE_INVALID_OPTIONS' }))
    }
    const error: unknown = new queue.UnroutableError('e', 'k', 'r')
    expect(queue.QueueError.is(error)).toBe(true)
    expect(queue.QueueError.is(new Error('other'))).toBe(false)
  })
})
