// The parts that decide without a server.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from '../src/backoff.ts'
import { controlsTransaction } from '../src/consumer/transaction-control.ts'
import { forParking, forRetry } from '../src/consumer/forward.ts'
import { chooseDelay } from '../src/consumer/settle.ts'
import { untilAborted } from '../src/consumer/until-aborted.ts'
import { QueueError } from '../src/errors.ts'
import { decode, encode, payloadHash } from '../src/envelope.ts'
import { isNotMigrated, isSerializationFailure, isUnavailable } from '../src/postgres/pg-errors.ts'
import { untraced } from '../src/telemetry.ts'
import { uuidv7 } from '../src/uuid.ts'
import { NoteWritten } from './support/messages.ts'

describe('controlsTransaction', () => {
  it.each([
    'commit',
    '  COMMIT WORK',
    'rollback',
    'Rollback and chain',
    'begin',
    'start transaction read only',
    'end',
    'abort',
    "prepare transaction 'x'",
    'select 1; commit',
    '/* harmless */ commit',
    '-- harmless\ncommit',
    'set session characteristics as transaction read only',
    'discard all',
  ])('finds it in %j', (statement) => {
    expect(controlsTransaction(statement)).toBe(true)
  })

  it.each([
    'select 1',
    "insert into note values ('a; commit')",
    'select case when true then 1 end',
    'update t set "commit" = 1',
    'savepoint a',
    'rollback to savepoint a',
    'rollback work to a',
    'release savepoint a',
    'set local lock_timeout = 1000',
    'do $$ begin perform 1; end $$',
    'do $x$ begin perform 1; end; $x$',
    'prepare plan as select 1',
    'select "end" from begin_log',
  ])('lets %j pass', (statement) => {
    expect(controlsTransaction(statement)).toBe(false)
  })
})

describe('envelope', () => {
  const context = { exchange: 'e', source: 's', maxMessageBytes: 1_000_000, telemetry: untraced }

  it('reads back whatever it wrote', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ subject: fc.string({ minLength: 1, maxLength: 50 }), text: fc.string() }),
        async (note) => {
          const key = Buffer.from(note.subject).toString('hex')
          const definition = { ...NoteWritten, key: () => key }
          const out = await encode(definition, note, {}, context)
          const message = { properties: { contentType: 'application/json', headers: out.headers } }
          const decoded = decode({ ...message, content: out.body } as never, 1_000_000)
          expect(decoded).toMatchObject({
            id: out.messageId,
            type: 'notes.written',
            key,
            version: 1,
          })
          expect('data' in decoded && decoded.data).toEqual(JSON.parse(JSON.stringify(note)))
        },
      ),
    )
  })

  it('never throws on bytes and headers of strangers', () => {
    const values = fc.oneof(fc.string(), fc.integer(), fc.constant(undefined), fc.object())
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.record({ contentType: values, messageId: values, type: values, headers: fc.object() }),
        (content, properties) => {
          const decoded = decode({ properties, content: Buffer.from(content) } as never, 1_000)
          expect('reason' in decoded || 'data' in decoded).toBe(true)
        },
      ),
    )
  })

  it('hashes type, version and bytes', () => {
    const decoded = { type: 'a', version: 1 } as never
    const hash = payloadHash(decoded, Buffer.from('x'))
    expect(hash.equals(payloadHash(decoded, Buffer.from('x')))).toBe(true)
    expect(hash.equals(payloadHash(decoded, Buffer.from('y')))).toBe(false)
    expect(hash.equals(payloadHash({ type: 'b', version: 1 } as never, Buffer.from('x')))).toBe(
      false,
    )
  })
})

describe('forwarded messages', () => {
  const message = {
    content: Buffer.from('x'),
    fields: { exchange: '', routingKey: 'q' },
    properties: {
      messageId: 'm',
      contentType: 'text/plain',
      expiration: '5',
      userId: 'someone',
      headers: {
        'x-death': [{}],
        'x-first-death-queue': 'q',
        CC: ['elsewhere'],
        'payflow-exchange': 'original',
        'payflow-reason': 'old',
        tenant: 't',
      },
    },
  } as never

  it('keep their bytes and origin, and lose what brokers act on', () => {
    const retried = forRetry(message, 'q.wait.10', 2)
    expect(retried).toMatchObject({ exchange: '', routingKey: 'q.wait.10', messageId: 'm' })
    expect(retried.headers).toEqual({
      'payflow-exchange': 'original',
      'payflow-routing-key': 'q',
      'payflow-attempt': 2,
      tenant: 't',
    })
    expect(retried.properties).toMatchObject({ contentType: 'text/plain' })
    expect(retried.properties).not.toHaveProperty('expiration')
    expect(retried.properties).not.toHaveProperty('userId')
  })

  it('carry an error of at most four kilobytes to the parking queue', () => {
    const note = { consumer: 'c', queue: 'q', reason: 'x', attempts: 1, firstSeenAt: undefined }
    const parked = forParking(message, 'q.parked', { ...note, error: new Error('é'.repeat(9_000)) })
    const text = String(parked.headers['payflow-error'])
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_096 + 3)
    expect(text).not.toContain('\ufffd')
    expect(parked.headers['payflow-reason']).toBe('x')
  })
})

describe('chooseDelay', () => {
  it('takes the next delay, repeats the last, and rounds a wish up', () => {
    const delays = [10, 50, 200]
    expect([1, 2, 3, 4, 9].map((failed) => chooseDelay(delays, failed, undefined))).toEqual([
      10, 50, 200, 200, 200,
    ])
    expect([0, 10, 11, 60, 1_000].map((wish) => chooseDelay(delays, 1, wish))).toEqual([
      10, 10, 50, 200, 200,
    ])
  })
})

describe('backoffMs', () => {
  it('grows to its bound and spreads over the upper half', () => {
    fc.assert(
      fc.property(fc.nat(200), (failures) => {
        const ms = backoffMs(failures, { baseMs: 100, maxMs: 5_000 })
        const ceiling = Math.min(5_000, 100 * 2 ** Math.min(failures, 30))
        expect(ms).toBeGreaterThanOrEqual(ceiling / 2 - 1)
        expect(ms).toBeLessThanOrEqual(ceiling)
      }),
    )
  })
})

describe('errors of PostgreSQL', () => {
  it('tells the server being away from what it says', () => {
    const coded = (code: string): Error => Object.assign(new Error('x'), { code })
    for (const code of ['ECONNREFUSED', '57P01', '57P03', '08006', '53300']) {
      expect(isUnavailable(coded(code))).toBe(true)
    }
    expect(isUnavailable(new Error('Connection terminated unexpectedly'))).toBe(true)
    expect(isUnavailable(new AggregateError([coded('ECONNREFUSED')]))).toBe(true)
    for (const code of ['23505', '40001', '42P01', '25P02']) {
      expect(isUnavailable(coded(code))).toBe(false)
    }
    expect(isSerializationFailure(coded('40P01'))).toBe(true)
    for (const code of ['3F000', '42P01', '42703', '42883']) {
      expect(isNotMigrated(coded(code))).toBe(true)
    }
    expect(isNotMigrated(coded('23505'))).toBe(false)
  })
})

describe('uuidv7', () => {
  it('has the version and variant bits, and sorts by time', () => {
    expect(uuidv7()).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
    const [first, later] = [uuidv7().slice(0, 13), uuidv7().slice(0, 13)]
    expect(first <= later).toBe(true)
  })
})

describe('Code whose time is up', () => {
  const lost = new QueueError('lost', { code: 'QUEUE_DELIVERY_LOST', retryable: true })
  const closed = new QueueError('closed', { code: 'QUEUE_CLOSED', retryable: true })

  it('QUEUE-08 QUEUE-32 is not begun any more', async () => {
    let begun = 0
    const work = async (): Promise<void> => void (begun += 1)
    for (const reason of [lost, closed]) {
      await expect(untilAborted(AbortSignal.abort(reason), work)).rejects.toBe(reason)
    }
    await expect(untilAborted(AbortSignal.abort(closed), work, 'next')).rejects.toBe(closed)
    expect(begun).toBe(0)
  })

  it('QUEUE-08 goes on to its next step when only its channel is gone', async () => {
    expect(await untilAborted(AbortSignal.abort(lost), async () => 'kept', 'next')).toBe('kept')
    const controller = new AbortController()
    const working = untilAborted(controller.signal, async () => 'done')
    controller.abort(lost)
    expect(await working).toBe('done')
  })
})
