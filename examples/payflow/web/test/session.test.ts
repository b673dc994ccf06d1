// Goal: tokens are renewed silently, once, and never for somebody else.
// Method: a session on scripted HTTP answers; the clock is a variable.
import { describe, expect, it } from 'vitest'
import { NoAnswerError, SignedOutError } from '../src/api/problem.ts'
import { Session } from '../src/api/session.ts'

interface Call {
  readonly path: string
  readonly authorization: string | null
  readonly traceparent: string | null
}
type Script = (call: Call, count: number) => Response | Promise<Response>

const json = (status: number, body: unknown): Response =>
  new Response(JSON.stringify(body), { status })
const signedIn = (id: string, accessToken: string): Response =>
  json(200, { user: { id, email: `${id}@example.com`, name: id }, accessToken, expiresIn: 900 })

function open(script: Script) {
  const calls: Call[] = []
  const clock = { nowMs: 0 }
  const session = new Session({
    fetch: async (path, init) => {
      const headers = new Headers(init.headers)
      const [authorization, traceparent] = ['Authorization', 'Traceparent'].map((n) =>
        headers.get(n),
      )
      const call = { path, authorization: authorization ?? null, traceparent: traceparent ?? null }
      calls.push(call)
      return script(call, calls.length)
    },
    exclusively: (work) => work(),
    announce: () => undefined,
    nowMs: () => clock.nowMs,
  })
  const paths = () => calls.map(({ path }) => path)
  return { session, calls, clock, paths }
}

/** As https://www.w3.org/TR/trace-context/ has it, and never with the wish to be recorded. */
function partsOf(traceparent: string | null): { traceId: string; spanId: string } {
  const [, traceId, spanId] = /^00-([\da-f]{32})-([\da-f]{16})-00$/.exec(traceparent ?? '') ?? []
  if (traceId === undefined || spanId === undefined) throw new Error(`sent ${traceparent}`)
  return { traceId, spanId }
}

describe('Session', () => {
  it('signs in by the refresh cookie on start', async () => {
    const { session } = open(() => signedIn('ada', 't1'))
    await session.start()
    expect(session.state()).toMatchObject({ status: 'signed-in', user: { id: 'ada' } })
  })

  it('tells nobody signed in from nobody answering', async () => {
    const anonymous = open(() => json(401, {})).session
    await anonymous.start()
    expect(anonymous.state()).toEqual({ status: 'anonymous', expired: false })

    const broken = open(() => json(503, {})).session
    await broken.start()
    expect(broken.state()).toEqual({ status: 'unreachable' })

    const cut = open(() => Promise.reject(new TypeError('network'))).session
    await cut.start()
    expect(cut.state()).toEqual({ status: 'unreachable' })
  })

  it('renews a token that is about to expire before it sends the request', async () => {
    let tokens = 0
    const { session, calls, clock } = open(({ path }) =>
      path.endsWith('/refresh') ? signedIn('ada', `t${(tokens += 1)}`) : json(200, {}),
    )
    await session.start()
    clock.nowMs = 880_000
    await session.authorised('ada', '/api/wallets/me')
    expect(calls.at(-1)).toMatchObject({ path: '/api/wallets/me', authorization: 'Bearer t2' })
  })

  it('renews once for many requests that are refused together, and repeats each', async () => {
    let tokens = 0
    const { session, paths } = open(({ path, authorization }) => {
      if (path.endsWith('/refresh')) return signedIn('ada', `t${(tokens += 1)}`)
      return authorization === 'Bearer t1' ? json(401, {}) : json(200, {})
    })
    await session.start()
    const answers = await Promise.all(
      ['/a', '/b', '/c'].map((path) => session.authorised('ada', path)),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(paths().filter((path) => path.endsWith('/refresh'))).toHaveLength(2)
  })

  it('sends a request again in the trace it began, as another part of it', async () => {
    let tokens = 0
    const { session, calls } = open(({ path, authorization }) => {
      if (path.endsWith('/refresh')) return signedIn('ada', `t${(tokens += 1)}`)
      return authorization === 'Bearer t1' ? json(401, {}) : json(200, {})
    })
    await session.start()
    await session.authorised('ada', '/a')
    await session.authorised('ada', '/b')
    const sent = calls.map(({ path, traceparent }) => ({ path, trace: partsOf(traceparent) }))
    const [first, second] = sent.filter(({ path }) => path === '/a')
    expect(second?.trace.traceId).toBe(first?.trace.traceId)
    const spans = new Set(sent.map(({ trace }) => trace.spanId))
    expect(spans.size).toBe(sent.length)
    const traces = new Set(sent.map(({ trace }) => trace.traceId))
    expect(traces.size).toBe(sent.length - 1)
  })

  it('ends the session when even a fresh token is refused', async () => {
    const { session } = open(({ path }) =>
      path.endsWith('/refresh') ? signedIn('ada', 't') : json(401, {}),
    )
    await session.start()
    await expect(session.authorised('ada', '/a')).rejects.toThrow(SignedOutError)
    expect(session.state()).toEqual({ status: 'anonymous', expired: true })
  })

  it('never sends a request in the name of a user who signed in meanwhile', async () => {
    let user = 'ada'
    const { session, paths, clock } = open(() => signedIn(user, 't'))
    await session.start()
    user = 'bob'
    clock.nowMs = 900_000
    await expect(session.authorised('ada', '/api/transactions')).rejects.toThrow(SignedOutError)
    expect(paths()).not.toContain('/api/transactions')
    expect(session.state()).toMatchObject({ user: { id: 'bob' } })
  })

  it('stays signed in when a renewal gets no answer', async () => {
    const { session, clock } = open(({ path }, count) =>
      path.endsWith('/refresh') && count > 1
        ? Promise.reject(new TypeError('network'))
        : signedIn('ada', 't'),
    )
    await session.start()
    clock.nowMs = 900_000
    await expect(session.authorised('ada', '/a')).rejects.toThrow(NoAnswerError)
    expect(session.state()).toMatchObject({ status: 'signed-in' })
  })

  it('stays signed in when the server did not hear the logout', async () => {
    const { session } = open(({ path }) =>
      path.endsWith('/logout') ? json(503, {}) : signedIn('ada', 't'),
    )
    await session.start()
    await expect(session.logout()).rejects.toThrow('503')
    expect(session.state()).toMatchObject({ status: 'signed-in' })
  })
})
