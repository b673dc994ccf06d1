import { z } from 'zod'

/** Where a contender runs: nobody else uses any of it. */
export interface Place {
  /** Has the tables of {@link createTables}. */
  readonly databaseUrl: string
  readonly rabbitmqUrl: string
  readonly redisUrl: string
  readonly queue: string
}

/** How a contender is to work. */
export interface WorkOptions {
  /** Messages at work at the same time; also the size of the pool. */
  readonly concurrency: number
  readonly prefetch: number
  /** How many messages there are. */
  readonly count: number
  /** Of each message. @defaultValue 500 */
  readonly bodyBytes?: number
  /** For the cases that take several messages at once. */
  readonly batchSize?: number
}

/** Called after the commit of each message's effect, or once for several. */
export type Committed = (messages: number, body?: Body) => void

/** A consumer at work. */
export interface Work {
  /** Finishes what is in hand and lets go of everything. */
  stop(): Promise<void>
}

/** A library, or what one writes without one, that turns each message into one row. */
export interface Contender {
  readonly name: string
  /** Packages whose versions make up the result. */
  readonly packages: readonly string[]
  /** How it is used here, for the reader of the table. */
  readonly about: string
  /** Makes what has to be there before the first message. */
  prepare(place: Place): Promise<void>
  /** Hands the messages over; resolves when none of them can be lost any more. */
  fill(place: Place, messages: readonly Message[]): Promise<void>
  work(place: Place, options: WorkOptions, committed: Committed): Promise<Work>
  /** Messages that are not done with, in hand or not. */
  left(place: Place): Promise<number>
  /** What became of `count` messages, when that is not rows of effects; answers what is wrong. */
  check?(place: Place, count: number): Promise<string | undefined>
}

export const bodySchema = z.object({
  account: z.string(),
  amountMinor: z.number().int(),
  /** When it was handed over, by this machine's monotonic clock in ns. */
  sentAtNs: z.string(),
  /** Makes the body as long as the case wants it. */
  memo: z.string(),
})

/** What a message says. */
export type Body = z.infer<typeof bodySchema>

export interface Message {
  readonly id: string
  readonly body: Body
}

const BODY_BYTES = 500
const ACCOUNTS = 1_000

/** Messages with bodies of 500 bytes or as many as given, for a thousand accounts in turn. */
export function messages(prefix: string, count: number, bodyBytes = BODY_BYTES): Message[] {
  return Array.from({ length: count }, (_, index) =>
    message(`${prefix}-${index}`, index, bodyBytes),
  )
}

export function message(id: string, index: number, bodyBytes = BODY_BYTES): Message {
  const sentAtNs = process.hrtime.bigint().toString()
  const body = { account: `account-${index % ACCOUNTS}`, amountMinor: 100, sentAtNs, memo: '' }
  const memo = 'm'.repeat(Math.max(0, bodyBytes - JSON.stringify(body).length))
  return { id, body: { ...body, memo } }
}

/** The effect, the same for everybody: one row. Nothing in the table prevents a second one. */
export const insertEffect =
  'insert into effect (message_id, account, amount_minor) values ($1, $2, $3)'

export const effectOf = ({ id, body }: Message): [string, string, number] => [
  id,
  body.account,
  body.amountMinor,
]
