// Goal: a payment is followed to its end over any number of connections, each event told once.
// Method: scripted answers; waiting is written down, not waited for.
import { describe, expect, it } from 'vitest'
import { followPayment } from '../src/api/follow-payment.ts'

const paymentId = '0199d5d0-7a00-7000-8000-000000000001'
const at = '2026-11-23T08:00:00.000Z'
const event = (id: number, type: string) =>
  `id: ${id}\ndata: ${JSON.stringify({ paymentId, type, at })}\n\n`
const stream = (...chunks: string[]): Response =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
        controller.close()
      },
    }),
    { headers: { 'content-type': 'text/event-stream' } },
  )

async function follow(answers: readonly (Response | Error)[]) {
  const asked: (string | undefined)[] = []
  const told: string[] = []
  const waits: number[] = []
  const controller = new AbortController()
  await followPayment({
    open: async (lastEventId) => {
      asked.push(lastEventId)
      const answer = answers[asked.length - 1]
      if (answer === undefined) controller.abort()
      if (!(answer instanceof Response)) throw answer ?? new Error('no more answers')
      return answer
    },
    onEvent: ({ type }) => void told.push(type),
    onLive: () => undefined,
    signal: controller.signal,
    pause: async (ms) => void waits.push(ms),
  })
  return { asked, told, waits }
}

describe('followPayment', () => {
  it('ends with the event that ends the payment, however its bytes come', async () => {
    const text = `retry: 500\n\n: still here\n\n${event(1, 'accepted')}${event(2, 'completed')}`
    const { asked, told } = await follow([stream(...text.split(''))])
    expect([asked, told]).toEqual([[undefined], ['accepted', 'completed']])
  })

  it('goes on after the last event it has seen, waiting as the server says', async () => {
    const { asked, told, waits } = await follow([
      stream('retry: 700\n\n', event(7, 'accepted')),
      stream(event(9, 'dispatched'), 'id: 12\ndata: {"half'),
      stream(event(12, 'failed')),
    ])
    expect(asked).toEqual([undefined, '7', '9'])
    expect(told).toEqual(['accepted', 'dispatched', 'failed'])
    for (const wait of waits) expect(Math.floor(wait / 700)).toBe(1)
  })

  it('waits ever longer for a server that is away, and comes back', async () => {
    const away = new Error('away')
    const { told, waits } = await follow([
      away,
      new Response(null, { status: 503 }),
      new Response(null, { status: 429 }),
      stream(event(1, 'accepted'), event(2, 'reversed')),
    ])
    expect(told).toEqual(['accepted', 'reversed'])
    expect(waits.map((wait) => Math.floor(wait / 1_000) >= 2)).toEqual([true, true, true])
    expect(waits).toEqual(waits.toSorted((a, b) => a - b))
  })

  it.each([204, 401, 404])('does not come again after %d', async (status) => {
    const { asked } = await follow([new Response(null, { status })])
    expect(asked).toHaveLength(1)
  })

  it('leaves out what it cannot read', async () => {
    const { told } = await follow([
      stream('id: 1\ndata: {\n\n', 'id: 2\ndata: {"type":"paid"}\n\n', event(3, 'completed')),
    ])
    expect(told).toEqual(['completed'])
  })
})
