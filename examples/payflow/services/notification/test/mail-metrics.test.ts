import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { MAIL_KINDS } from '../src/mail/mail.ts'
import { registerMailMetrics } from '../src/mail/mail-metrics.ts'

test('every end of every kind of mail is counted from nought, so that the first one is seen', async () => {
  const registry = new Registry()
  const counters = registerMailMetrics(registry, () => Promise.reject(new Error('not asked')))
  const read = async () =>
    (await registry.getSingleMetric('payflow_mail_settled_total')?.get())?.values
  const ends = MAIL_KINDS.flatMap((kind) =>
    ['sent', 'failed', 'unknown'].map((outcome) => ({ labels: { kind, outcome }, value: 0 })),
  )
  expect(await read()).toEqual(ends)
  counters.settled('password_reset', 'failed')
  expect((await read())?.filter(({ value }) => value > 0)).toEqual([
    { labels: { kind: 'password_reset', outcome: 'failed' }, value: 1 },
  ])
})
