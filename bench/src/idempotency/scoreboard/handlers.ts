import { appendFileSync } from 'node:fs'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { childProbe } from '@payflow/testkit'
import type { Request, RequestHandler, Response } from 'express'

/** What handlers are given beside the request. */
export interface Bank {
  /** Before the effect begins; see `Protection.commit`. */
  commit(req: Request): Promise<void>
  /** The effect: a line in a file, which outlives the process. Deliberately not idempotent. */
  pay(req: Request): number
}

/** Writes a line a payment. */
export function bankAt(file: string, commit: Bank['commit']): Bank {
  let payments = 0
  return {
    commit,
    pay(req) {
      payments += 1
      appendFileSync(file, `${req.get('idempotency-key') ?? ''}\n`)
      return payments
    },
  }
}

export type HandlerName = keyof ReturnType<typeof handlers>

const probe = childProbe()

/** Commits and pays, with a place to be stopped before, between and after. */
async function pay(bank: Bank, req: Request): Promise<number> {
  await probe('handler.entered')
  await bank.commit(req)
  await probe('handler.committed')
  const number = bank.pay(req)
  await probe('handler.paid')
  return number
}

/** The routes under test. Each pays first and answers in its own way. */
export const handlers = (bank: Bank) =>
  ({
    pay: async (req: Request, res: Response) => {
      const payment = await pay(bank, req)
      const { amount = null } = (req.body ?? {}) as { amount?: unknown }
      res.status(201).location(`/payments/${payment}`).json({ payment, amount, at: process.pid })
    },
    binary: async (req: Request, res: Response) => {
      await pay(bank, req)
      res.type('application/octet-stream').send(oddBytes)
    },
    streamed: async (req: Request, res: Response) => {
      const payment = await pay(bank, req)
      res.status(201).type('text/plain')
      res.write('payment ')
      res.write(String(payment))
      res.end('\n')
    },
    piped: async (req: Request, res: Response) => {
      await pay(bank, req)
      Readable.from([Buffer.from('one,'), Buffer.from('two')]).pipe(res.type('text/csv'))
    },
    empty: async (req: Request, res: Response) => {
      await pay(bank, req)
      res.status(204).end()
    },
    redirect: async (req: Request, res: Response) => {
      await pay(bank, req)
      res.redirect(303, '/payments/7')
    },
    falsy: async (req: Request, res: Response) => {
      await pay(bank, req)
      res.status(200).json((req.body as { answer: unknown }).answer)
    },
    cookie: async (req: Request, res: Response) => {
      await pay(bank, req)
      res.status(201).cookie('session', 'of-ada').json({ ok: true })
    },
    large: async (req: Request, res: Response) => {
      await pay(bank, req)
      res.status(201).type('text/plain').send('x'.repeat(5_000_000))
    },
    'throws-before': async (req: Request, res: Response) => {
      await probe('handler.entered')
      if ((await shouldFail()) && req.body !== undefined) throw new Error('before the effect')
      await bank.commit(req)
      res.status(201).json({ payment: bank.pay(req) })
    },
    'throws-after': async (req: Request) => {
      await pay(bank, req)
      throw new Error('after the effect')
    },
    unavailable: async (_req: Request, res: Response) => {
      res.status(503).json({ error: 'the bank is closed', attempt: (attempts += 1) })
    },
    declined: async (req: Request, res: Response) => {
      const payment = await pay(bank, req)
      res.status(402).json({ error: 'declined', payment })
    },
    changes: async (req: Request, res: Response) => {
      const payment = await pay(bank, req)
      ;(req.body as Record<string, unknown>)['amount'] = 0
      res.status(201).json({ payment })
    },
    blocks: async (req: Request, res: Response) => {
      const payment = await pay(bank, req)
      const until = performance.now() + 2_500
      while (performance.now() < until);
      res.status(201).json({ payment })
    },
    nested: async (req: Request, res: Response) => {
      const payment = await pay(bank, req)
      const inner = await callOneself(req)
      res.status(201).json({ payment, inner })
    },
  }) satisfies Record<string, RequestHandler>

/** No text in any encoding, and not its own gzip. */
const oddBytes = Buffer.from([0x00, 0xff, 0xfe, 0x80, 0x0d, 0x0a, 0xc3, 0x28])

let attempts = 0
let failures = 1

/** Fails once a process. */
async function shouldFail(): Promise<boolean> {
  failures -= 1
  return failures >= 0
}

/** The same key on another route of this app, as a careless client of one's own API would. */
function callOneself(req: Request): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': req.get('idempotency-key') ?? '',
    'x-user': req.get('x-user') ?? '',
  }
  const port = req.socket.localPort
  const call = request({ port, path: '/a/pay', method: 'POST', headers, agent: false })
  call.on('response', (response) => resolve(response.resume().statusCode ?? 0))
  call.on('error', reject)
  call.end('{"amount":1}')
  return promise
}
