/*
 * Goal: one payment is one story. Its spans form one tree from the click in the page to the
 * notifications, whichever process made them, and its log lines are found by its id alone.
 * Method: every process of PayFlow sends its spans to a collector in this test; the payment is made
 * by Chromium in the built page. A second payment is ended by the reversal job.
 */
import { readFileSync } from 'node:fs'
import {
  startTraceCollector,
  type CollectedSpan,
  type TraceCollector,
} from '@payflow-app/service-kit/testing'
import { SERVICE_NAMES, startStack, type ServiceName, type Stack } from '@payflow-app/stack'
import { waitFor } from '@payflow/testkit'
import { follow } from '@payflow-app/testing'
import { launchChromium, type Browser } from '@payflow-app/testing/browser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { age, logIn, newPage, settle, User } from './src/index.ts'

const HOUR_MS = 3_600_000
/** For what takes as long as the machine is busy. */
const PATIENT = { timeoutMs: 60_000 }

let collector: TraceCollector
let stack: Stack
let browser: Browser
let ada: User
let grace: User

beforeAll(async () => {
  collector = await startTraceCollector()
  stack = await startStack({
    env: {
      all: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '100' },
      reversal: { REVERSAL_INTERVAL_MS: '300' },
    },
  })
  ;[ada, grace] = await Promise.all([
    User.register(stack.url, 'Ada Lovelace'),
    User.register(stack.url, 'Grace Hopper'),
  ])
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
  await collector?.[Symbol.asyncDispose]()
})

/** What a payment made in the page must have been seen at, and by whom. */
const HOPS: readonly (readonly [ServiceName, string])[] = [
  ['gateway', 'page POST /api/transactions'],
  ['gateway', 'POST /api/transactions'],
  ['gateway', 'idempotency.claim'],
  ['gateway', 'POST /transactions'],
  ['transaction', 'POST /transactions'],
  ['transaction', 'INSERT payment_claims'],
  ['transaction', 'POST /wallets/holds'],
  ['wallet', 'POST /wallets/holds'],
  ['wallet', 'SELECT ledger.hold'],
  ['transaction', 'create payflow:payments.execute'],
  ['transaction', 'INSERT queue.outbox'],
  ['gateway', 'idempotency.complete'],
  ['worker', 'process payments.execute'],
  ['worker', 'POST /wallets/transfer'],
  ['wallet', 'POST /wallets/transfer'],
  ['wallet', 'SELECT ledger.capture'],
  ['worker', 'UPDATE payments'],
  ['worker', 'create payflow:payments.completed'],
  ['notification', 'process notifications.events'],
  ['notification', 'INSERT notifications'],
]

describe('one payment', () => {
  it('is one tree of spans from the page to the notifications', async () => {
    const paymentId = await payInPage(ada, grace)
    const tree = await treeOf(paymentId, HOPS)
    expect(hopsMissing(tree, HOPS)).toEqual([])
    expect(tree.filter(({ parentSpanId }) => parentSpanId === undefined)).toMatchObject([
      { name: 'page POST /api/transactions', kind: 'client' },
    ])
    expect(orphans(tree)).toEqual([])
    expect(tree.filter(({ failed }) => failed)).toEqual([])

    // Each message's handler is a child of the span that wrote the message.
    const nameOf = new Map(tree.map(({ spanId, name }) => [spanId, name]))
    const parentsOf = (name: string) =>
      tree
        .filter((span) => span.name === name)
        .map(({ parentSpanId }) => nameOf.get(parentSpanId ?? ''))
    expect(parentsOf('process payments.execute')).toEqual(['create payflow:payments.execute'])
    expect(parentsOf('process notifications.events')).toEqual(['create payflow:payments.completed'])

    // The relay sends for many at a time, so its work is no part of one story but linked to it.
    const written = tree.find(({ name }) => name === 'create payflow:payments.execute')
    const relayed = await waitFor(
      () =>
        collector.spans.find(
          ({ name, links }) =>
            name === 'relay' && links.some((at) => at.spanId === written?.spanId),
        ),
      { ...PATIENT, message: 'the relay’s span' },
    )
    expect(relayed.traceId).not.toBe(written?.traceId)
  })

  it('is found in every log by its id alone, and each line has the trace', async () => {
    const paymentId = await payInPage(ada, grace)
    const tree = await treeOf(paymentId, HOPS)
    const touched: ServiceName[] = ['gateway', 'transaction', 'wallet', 'worker', 'notification']
    // The line of a stream comes when it ends: at once, for a payment that has ended.
    const path = `/api/transactions/${paymentId}/events`
    const stream = await follow(stack.url + path, { token: ada.accessToken })
    expect(await stream.ended).toBe('whole')
    const lines = await waitFor(
      () => {
        const found = linesWith(paymentId)
        const all = touched.every((service) => found.some((line) => line.service === service))
        return all && found.some((line) => line.path === path) ? found : undefined
      },
      { ...PATIENT, message: 'a line in each log' },
    )
    // The page's own questions about the payment have traces of their own, and mails are sent
    // from their table by a loop, as often as SMTP needs: found by the payment's id, in no trace.
    const traced = lines.filter(({ message = '' }) => !/^(a|what became of a) mail/.test(message))
    const making = traced.filter(({ method }) => method !== 'GET')
    expect(new Set(making.map(({ service }) => service))).toEqual(new Set(touched))
    expect(new Set(making.map(({ traceId }) => traceId))).toEqual(new Set([tree[0]?.traceId]))
    const spans = new Set(tree.map(({ spanId }) => spanId))
    for (const line of traced) {
      expect(line).toMatchObject({ paymentId, requestId: expect.any(String) })
      expect(line.traceId).toMatch(/^[\da-f]{32}$/)
    }
    for (const line of making) expect(spans).toContain(line.spanId)
    expect(new Set(making.map(({ requestId }) => requestId)).size).toBe(1)
  })

  it('ended by the reversal job has that end in its tree, linked to the run', async () => {
    await stack.stopService('worker')
    const { body } = await ada.payUntilAnswered({ toUserId: grace.id, amount: 700 })
    await age(stack, [body.id], { createdMs: HOUR_MS, dispatchedMs: HOUR_MS })
    expect(await settle(ada, body.id, 60_000)).toMatchObject({ failureCode: 'reversed_timeout' })
    const hops: readonly (readonly [ServiceName, string])[] = [
      ['gateway', 'POST /api/transactions'],
      ['reversal', 'reversal.decide'],
      ['wallet', 'POST /wallets/holds/:id/release'],
      ['reversal', 'reversal.record'],
      ['reversal', 'create payflow:payments.failed'],
      ['notification', 'process notifications.events'],
    ]
    const tree = await treeOf(body.id, hops)
    expect(hopsMissing(tree, hops)).toEqual([])
    expect(orphans(tree)).toEqual([])
    const decided = tree.find(({ name }) => name === 'reversal.decide')
    const settled = await waitFor(
      () => collector.spans.find(({ spanId }) => spanId === decided?.links[0]?.spanId),
      { ...PATIENT, message: 'the span of the run that is linked' },
    )
    expect(settled).toMatchObject({ name: 'reversal.settle', service: 'reversal' })
    expect(settled.links).toContainEqual(
      expect.objectContaining({ traceId: decided?.traceId, spanId: decided?.parentSpanId }),
    )
    await stack.startService('worker')
  })
})

describe('a trace that comes from outside', () => {
  it('is not joined, only linked, unless it is our own page’s', async () => {
    const theirs = 'a'.repeat(32)
    const traceparent = `00-${theirs}-${'b'.repeat(16)}-01`
    const answer = await fetch(`${stack.url}/api/status`, { headers: { traceparent } })
    expect(answer.status).toBe(200)
    const ours = await waitFor(
      () => collector.spans.find(({ links }) => links.some(({ traceId }) => traceId === theirs)),
      { ...PATIENT, message: 'a span with a link' },
    )
    expect(ours).toMatchObject({ service: 'gateway', name: 'GET /api/status', kind: 'server' })
    expect(collector.spans.filter(({ traceId }) => traceId === theirs)).toEqual([])
  })
})

/** Sends $50.00 by clicking, and waits until the page says that it arrived. */
async function payInPage(from: User, to: User): Promise<string> {
  const page = await newPage(browser, stack.url)
  try {
    await logIn(page, from)
    await page.getByRole('link', { name: 'Send', exact: true }).click()
    await page.getByLabel('To', { exact: true }).fill(to.email)
    await page.getByRole('option').waitFor()
    await page.keyboard.press('Enter')
    await page.getByLabel('Amount').fill('50')
    await page.keyboard.press('Enter')
    const accepted = page.waitForResponse(
      (response) => response.request().method() === 'POST' && response.status() === 202,
    )
    await page.getByRole('button', { name: /^Send \$50\.00/ }).click()
    const { id } = (await (await accepted).json()) as { id: string }
    await page.getByText('The money moved, exactly once.').waitFor()
    return id
  } finally {
    await page.context().close()
  }
}

/** All spans of the trace in which a payment was made, once the last of these hops has come in. */
async function treeOf(
  paymentId: string,
  hops: readonly (readonly [ServiceName, string])[],
): Promise<CollectedSpan[]> {
  const tree = () => {
    const made = collector.spans.find(
      ({ name, attributes }) =>
        name === 'POST /transactions' && attributes['payflow.payment.id'] === paymentId,
    )
    return collector.spans.filter(({ traceId }) => traceId === made?.traceId)
  }
  await waitFor(() => hopsMissing(tree(), hops).length === 0, {
    ...PATIENT,
    message: () => `spans, which miss ${JSON.stringify(hopsMissing(tree(), hops))}`,
  })
  // What ended before these was sent before these, but by other processes.
  await waitFor(() => orphans(tree()).length === 0, {
    ...PATIENT,
    message: () => `the parents of ${JSON.stringify(orphans(tree()))}`,
  })
  return tree()
}

function hopsMissing(
  tree: readonly CollectedSpan[],
  hops: readonly (readonly [ServiceName, string])[],
): string[] {
  const seen = new Set(tree.map(({ service, name }) => `${service}: ${name}`))
  return hops.map(([service, name]) => `${service}: ${name}`).filter((hop) => !seen.has(hop))
}

/** Spans whose parent nobody has sent. */
function orphans(tree: readonly CollectedSpan[]): string[] {
  const ids = new Set(tree.map(({ spanId }) => spanId))
  return tree
    .filter(({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId))
    .map(({ service, name }) => `${service}: ${name}`)
}

interface Line {
  readonly service: string
  readonly method?: string
  readonly message?: string
  readonly path?: string
  readonly requestId?: string
  readonly traceId?: string
  readonly spanId?: string
}

/** The log lines of all processes that bear a payment's id; asking for the page is no part of it. */
function linesWith(paymentId: string): Line[] {
  return SERVICE_NAMES.flatMap((name) =>
    readFileSync(stack.log(name), 'utf8')
      .split('\n')
      .filter((line) => line.includes(paymentId))
      .map((line) => JSON.parse(line) as Line)
      .filter(({ path }) => path?.startsWith('/payments/') !== true),
  )
}
