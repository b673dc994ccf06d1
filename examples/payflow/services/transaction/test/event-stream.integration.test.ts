// GET /transactions/:id/events: what happened to a payment, told to whom it concerns, until it ends.
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { expectProblem, follow, send, type Followed } from '@payflow-app/testing'
import { waitFor } from '@payflow/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Payments, type User } from './support/payments.ts'

const perUserMax = 3
const totalMax = 5

let payments: Payments
let ada: User
let bob: User
let eve: User
const streams: Followed[] = []

beforeAll(async () => {
  payments = await Payments.start({
    env: {
      EVENT_STREAMS_PER_USER_MAX: String(perUserMax),
      EVENT_STREAMS_MAX: String(totalMax),
      EVENT_HEARTBEAT_MS: '50',
    },
  })
  ;[ada, bob, eve] = (await payments.users(3)) as [User, User, User]
})
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.hangUp()
  await waitFor(async () => (await open()) === 0, { message: 'all streams to be given up' })
  // Nor does anybody look for what nobody is told.
  await waitFor(async () => (await figure('payments_watched')) === 0, {
    message: 'the last watch to end',
  })
})
afterAll(() => payments[Symbol.asyncDispose]())

async function paid(): Promise<string> {
  const { status, body } = await payments.pay(ada, bob, randomUUID(), { amount: 1 })
  expect(status).toBe(202)
  return body.id
}

const urlOf = (id: string) => `${payments.transaction.url}/transactions/${id}/events`

async function events(id: string, user: Pick<User, 'token'>, lastEventId?: string) {
  const { token } = user
  const stream = await follow(urlOf(id), {
    token,
    ...(lastEventId !== undefined && { lastEventId }),
  })
  streams.push(stream)
  return stream
}

const typesOf = (stream: Followed) => stream.events.map(({ data }) => JSON.parse(data).type)

/** What the service itself says about its streams. */
async function figure(name: 'streams' | 'payments_watched'): Promise<number> {
  const { body } = await send(`${payments.transaction.url}/metrics`)
  return Number(new RegExp(`^payflow_event_${name}\\{.*\\} (\\d+)$`, 'm').exec(body)?.[1])
}

const open = () => figure('streams')

describe('GET /transactions/:id/events', () => {
  it('tells what has happened, then what happens, and ends with the payment', async () => {
    const id = await paid()
    const stream = await events(id, ada)
    expect(stream.status).toBe(200)
    expect(Object.fromEntries(stream.headers)).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
    })
    await waitFor(() => stream.events.length === 1)
    await payments.dispatch(id)
    await waitFor(() => stream.events.length === 2)
    await payments.end(id, 'insufficient_funds')
    expect(await stream.ended).toBe('whole')
    const { body: payment } = await payments.get(ada, `/transactions/${id}`)
    const at = { accepted: payment.createdAt, failed: payment.completedAt }
    expect(stream.events.map(({ data }) => JSON.parse(data))).toEqual([
      { paymentId: id, type: 'accepted', at: at.accepted },
      { paymentId: id, type: 'dispatched', at: expect.any(String) },
      { paymentId: id, type: 'failed', at: at.failed, failureCode: 'insufficient_funds' },
    ])
    expect(stream.retryMs).toBeGreaterThanOrEqual(500)
  })

  it('tells why it failed to who asked for it, whether it reads it or sees it happen', async () => {
    const topUp = (await payments.move(ada, 'top-ups')).body.id
    const payment = await paid()
    const live = await Promise.all([events(payment, ada), events(payment, bob), events(topUp, ada)])
    for (const id of [payment, topUp]) await payments.end(id, 'recipient_unavailable')
    await Promise.all(live.map(({ ended }) => ended))
    const later = await Promise.all([
      events(payment, ada),
      events(payment, bob),
      events(topUp, ada),
    ])
    await Promise.all(later.map(({ ended }) => ended))
    for (const streams of [live, later]) {
      const codes = streams.map(({ events }) => JSON.parse(events.at(-1)?.data ?? '{}').failureCode)
      expect(codes).toEqual(['recipient_unavailable', undefined, 'recipient_unavailable'])
    }
  })

  it('goes on after the last event that was seen', async () => {
    const id = await paid()
    const first = await events(id, ada)
    await waitFor(() => first.events.length === 1)
    first.hangUp()
    await payments.dispatch(id)
    await payments.end(id)
    const [{ id: seen } = {}] = first.events
    const second = await events(id, bob, seen)
    await second.ended
    expect(typesOf(second)).toEqual(['dispatched', 'completed'])
    const last = second.events.at(-1)?.id
    const third = await events(id, ada, last)
    expect(third.status).toBe(204)
  })

  it('begins at the beginning for who has seen nothing yet', async () => {
    const id = await paid()
    await payments.end(id)
    const { hostname, port } = new URL(payments.transaction.url)
    // A browser sends no header then; other clients an empty one, which fetch would not.
    const head = [
      `GET /transactions/${id}/events HTTP/1.1`,
      'host: x',
      `authorization: Bearer ${ada.token}`,
      'last-event-id:',
      'connection: close',
    ]
    const socket = connect(Number(port), hostname)
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    let answer = ''
    for await (const part of socket) answer += String(part)
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(answer.match(/"type":"\w+"/g)).toEqual(['"type":"accepted"', '"type":"completed"'])
  })

  it('begins at the beginning for who names an event of another payment', async () => {
    const [one, other] = [await paid(), await paid()]
    const stream = await events(other, ada)
    await waitFor(() => stream.events.length === 1)
    await payments.end(one)
    const again = await events(one, ada, stream.events[0]?.id)
    await again.ended
    expect(typesOf(again)).toEqual(['accepted', 'completed'])
    await payments.end(other)
  })

  it('ends at the end though the broker confirms after it', async () => {
    const id = await paid()
    await payments.end(id)
    await payments.dispatch(id)
    const stream = await events(id, ada)
    await stream.ended
    expect(typesOf(stream)).toEqual(['accepted', 'completed'])
    expect((await events(id, ada, stream.events.at(-1)?.id)).status).toBe(204)
  })

  it('is not there for others, and for nobody without a token', async () => {
    const id = await paid()
    expectProblem(await send(urlOf(id), { token: eve.token }), 404, 'not_found')
    expectProblem(await send(urlOf(randomUUID()), { token: ada.token }), 404, 'not_found')
    expectProblem(await send(urlOf('no-id'), { token: ada.token }), 400, 'validation_failed')
    expectProblem(await send(urlOf(id)), 401, 'unauthenticated')
  })

  it.each(['0', '-1', '1.5', 'x', '1'.repeat(19), '1 or 1=1', '٣'])(
    'refuses the id %s that no event has',
    async (lastEventId) => {
      const id = await paid()
      const refused = await send(urlOf(id), {
        token: ada.token,
        headers: { 'last-event-id': encodeURIComponent(lastEventId) },
      })
      expectProblem(refused, 400, 'validation_failed')
    },
  )

  it('answers HEAD without a stream', async () => {
    const answer = await send(urlOf(await paid()), { method: 'HEAD', token: ada.token })
    expect(answer).toMatchObject({ status: 200, body: '' })
    expect(await open()).toBe(0)
  })

  it('shows signs of life while nothing happens', async () => {
    const stream = await events(await paid(), ada)
    await waitFor(() => stream.comments.length > 2)
    expect(typesOf(stream)).toEqual(['accepted'])
  })

  it('stays open no longer than the token is valid', async () => {
    const id = await paid()
    const soon = await payments.issuer.expiringToken(ada.id, 2)
    const stream = await events(id, { token: soon })
    expect(await stream.ended).toBe('whole')
    expect(typesOf(stream)).toEqual(['accepted'])
    const last = stream.events.at(-1)?.id
    expect(await events(id, ada, last)).toMatchObject({ status: 200 })
  })

  it('stays open no longer than streams may', async () => {
    await using brief = await payments.another({ EVENT_STREAM_MAX_MS: '100' })
    const stream = await follow(`${brief.url}/transactions/${await paid()}/events`, ada)
    streams.push(stream)
    expect(await stream.ended).toBe('whole')
    expect(typesOf(stream)).toEqual(['accepted'])
  })

  it('refuses more streams than a user may have, and takes them again when one is closed', async () => {
    const id = await paid()
    const own = await Promise.all(Array.from({ length: perUserMax }, () => events(id, ada)))
    const refused = await send(urlOf(id), { token: ada.token })
    expectProblem(refused, 429, 'rate_limited')
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(await events(id, bob)).toMatchObject({ status: 200 })
    own[0]?.hangUp()
    await waitFor(async () => (await events(id, ada)).status === 200)
  })

  it('refuses more streams than the process may have', async () => {
    const id = await paid()
    const more = await payments.users(2)
    for (const user of [ada, ada, ada, bob, bob]) await events(id, user)
    for (const user of [bob, ...more]) {
      const refused = await send(urlOf(id), { token: user.token })
      expectProblem(refused, 503, 'service_unavailable')
      expect(refused.headers.get('retry-after')).toBe('5')
    }
  })

  it('holds no place for who was refused, or has gone before the answer', async () => {
    const id = await paid()
    const { hostname, port } = new URL(payments.transaction.url)
    const head = `GET /transactions/${id}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ada.token}\r\n\r\n`
    for (let round = 0; round < 4 * totalMax; round += 1) {
      expectProblem(await send(urlOf(id), { token: eve.token }), 404)
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(head, () => {
            socket.resetAndDestroy()
            resolve()
          })
        })
      })
    }
    await waitFor(async () => (await open()) === 0)
    expect(await events(id, ada)).toMatchObject({ status: 200 })
  })
})

describe('a stream of events', () => {
  it('ends at once when the process stops, and goes on at another one', async () => {
    const id = await paid()
    const stream = await events(id, ada)
    await waitFor(() => stream.events.length === 1)
    const exited = payments.transaction.child.kill('SIGTERM')
    // At the deadline of the shutdown it would be cut.
    expect(await stream.ended).toBe('whole')
    expect(await exited).toMatchObject({ code: 0 })
    await payments.transaction.start()
    await payments.end(id)
    const again = await events(id, ada, stream.events.at(-1)?.id)
    await again.ended
    expect(typesOf(again)).toEqual(['completed'])
  })

  it('loses and doubles nothing when the process is killed', async () => {
    const id = await paid()
    const stream = await events(id, ada)
    await waitFor(() => stream.events.length === 1)
    await payments.transaction.child.kill()
    expect(await stream.ended).toBe('cut')
    await payments.dispatch(id)
    await payments.end(id)
    await payments.transaction.start()
    const again = await events(id, ada, stream.events.at(-1)?.id)
    await again.ended
    expect([...typesOf(stream), ...typesOf(again)]).toEqual(['accepted', 'dispatched', 'completed'])
  })
})
