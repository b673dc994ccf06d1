/*
 * Goal: alerts and dashboards work on a real PayFlow: each alert fires for what it is there for, and
 * nothing they ask for is missing.
 * Method: a real Prometheus scrapes every process. First nothing is wrong and nothing fires; then one
 * thing after another is broken (src/provocations.ts), until each alert has been seen firing. At the end
 * everything that was scraped is compared with what rules and dashboards name.
 */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROCESS_PORTS, type PayflowProcess } from '@payflow-app/contracts/arrows'
import { age, call, User } from '@payflow-app/e2e'
import { startStack, type Stack } from '@payflow-app/stack'
import { pause, waitFor, withClient } from '@payflow/testkit'
import amqp from 'amqplib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALERTS } from '../src/alerts/index.ts'
import { CATALOGUE, TARGET_LABELS } from '../src/catalogue.ts'
import { DASHBOARDS } from '../src/dashboards/index.ts'
import { PROVOCATIONS } from '../src/provocations.ts'
import { readPromql } from '../src/promql.ts'
import { MailServer } from '../../services/notification/test/support/mail-server.ts'
import { LivePrometheus } from './support/live-prometheus.ts'
import { statementsIn } from './support/runbooks.ts'

const PAYMENTS = 260
const PATIENT = { timeoutMs: 60_000 }
const operating = join(import.meta.dirname, '../../../../docs/operating.md')

let stack: Stack
let prometheus: LivePrometheus
let mails: MailServer
let ada: User
let grace: User
let waiting: string[]

beforeAll(async () => {
  mails = await MailServer.start()
  stack = await startStack({
    env: {
      transaction: { FLOW_INTERVAL_MS: '200' },
      reversal: { REVERSAL_INTERVAL_MS: '500' },
      notification: { SMTP_URL: mails.url, MAIL_POLL_MS: '100', MAIL_RETRY_FIRST_MS: '100' },
      auth: { PASSWORD_HASHES_MAX: '1', PASSWORD_HASHES_WAITING_MAX: '0' },
    },
    restartDelayMaxMs: 200,
  })
  ada = await User.register(stack.url, 'Ada Lovelace')
  grace = await User.register(stack.url, 'Grace Hopper')
  prometheus = await LivePrometheus.start(stack)
})
afterAll(async () => {
  await prometheus?.stop()
  await stack?.stop()
  await mails?.stop()
})

describe('while nothing is wrong', () => {
  it('every process is scraped, and no alert fires', async () => {
    const processes = Object.keys(PROCESS_PORTS).length
    await waitFor(
      async () => (await prometheus.value('sum(up{process!=""})')) === processes,
      PATIENT,
    )
    // Long enough for every alert's patience, and for a second look at what has just begun.
    const since = 'min(count_over_time(up{process!=""}[1m]))'
    await waitFor(async () => ((await prometheus.value(since)) ?? 0) >= 4, PATIENT)
    const firing = (await prometheus.firing()).map(({ labels }) => labels['alertname'])
    // The stand-in's certificate has been ending since the beginning.
    expect(firing.filter((name) => name !== 'PayflowCertificateEnds')).toEqual([])
  })

  it('promtool finds nothing wrong with what any of them exports', async () => {
    for (const name of Object.keys(PROCESS_PORTS) as PayflowProcess[]) {
      const page = await (await fetch(`${stack.serviceUrl(name)}/metrics`)).text()
      // Node's own are named by prom-client.
      const ours = page.split('\n').filter((line) => !/^(# \w+ )?(nodejs|process)_/.test(line))
      const { status, stdout, stderr } = spawnSync(prometheus.promtool, ['check', 'metrics'], {
        input: ours.join('\n'),
        encoding: 'utf8',
      })
      expect([name, status, stdout, stderr]).toEqual([name, 0, '', ''])
    }
  })
})

describe('it fires', () => {
  it('what is said of a missing worker and a queue', async () => {
    await stack.stopService('worker')
    waiting = await payMany(PAYMENTS)
    await expectFiring([
      'PayflowTargetDown',
      'PayflowProcessMissing',
      'PayflowNothingCompletes',
      'PayflowQueueWithoutConsumer',
      'PayflowQueueBusy',
      'PayflowQueueDelayed',
      'PayflowQueueGrowing',
    ])
  })

  it('what is said of payments that wait', async () => {
    await age(stack, waiting, { createdMs: 90_000, dispatchedMs: 0 })
    await expectFiring(['PayflowPaymentWaits', 'PayflowPaymentsStalled'])
    await age(stack, waiting, { createdMs: 400_000, dispatchedMs: 0 })
    await expectFiring(['PayflowQueueNearLeash'])
  })

  it('what is said of a reversal that does not run', async () => {
    await stack.stopService('reversal')
    await age(stack, waiting, { createdMs: 1_200_000, dispatchedMs: 1_100_000 })
    await tamper(
      'transaction',
      `update reversal.job set last_success_at = now() - interval '10 min'`,
    )
    await expectFiring(['PayflowPaymentOverdue', 'PayflowReversalLate'])
    await tamper('transaction', 'update reversal.job set last_success_at = null')
    await expectFiring(['PayflowReversalNeverSucceeded'])
  })

  it('what is said of many reversals', async () => {
    await stack.startService('reversal')
    await expectFiring(['PayflowMassReversal', 'PayflowPaymentReversed'])
    await stack.startService('worker')
  })

  it('what is said of a broker that is away, and of messages nobody wants', async () => {
    await tamper(
      'transaction',
      `update queue.outbox set state = 'parked' where seq = (select max(seq) from queue.outbox)`,
    )
    const connection = await amqp.connect(stack.server('rabbitmq').url)
    const channel = await connection.createConfirmChannel()
    channel.sendToQueue('payments.execute', Buffer.from('no JSON'), { messageId: randomUUID() })
    await channel.waitForConfirms()
    await connection.close()
    await expectFiring(['PayflowOutboxParked', 'PayflowMessagesParked'])
    await stack.killServer('rabbitmq')
    await ada.pay({ toUserId: grace.id, amount: 1 })
    await expectFiring(['PayflowQueuesUnmeasured', 'PayflowOutboxLate'])
    await stack.startServer('rabbitmq')
  })

  it('what is said of mails', async () => {
    await waitFor(
      async () => ((await prometheus.value('max(payflow_mail_waiting)')) ?? 1) === 0,
      PATIENT,
    )
    mails.onRecipient = () => 550
    await expectFiring(['PayflowMailGivenUp'], () => payMany(10))
    mails.behave()
    await mails.stop()
    await call(stack.url, 'POST', '/api/auth/forgot-password', { body: { email: ada.email } })
    await expectFiring(['PayflowMailServerUnreachable'])
    await tamper(
      'notification',
      `update mail_deliveries set created_at = created_at - interval '20 min'
       where state in ('pending', 'sending')`,
    )
    await expectFiring(['PayflowMailLate'])
    await mails.start()
  })

  it('what is said of the ledger', async () => {
    const change = (by: number) =>
      tamper(
        'wallet',
        `set session_replication_role = replica;
         update ledger.account set posted_credits_minor = posted_credits_minor + ${by}
         where id = (select account_id from public.wallets order by user_id limit 1)`,
      )
    await change(7)
    await expectFiring(['PayflowLedgerImbalance'])
    await change(-7)
  })

  it('what is said of a service that is away', async () => {
    await stack.stopService('wallet')
    const look = () => Promise.all(Array.from({ length: 40 }, () => ada.get('/api/wallets/me')))
    await expectFiring(['PayflowLedgerUnmeasured', 'PayflowRequestsFail'], look)
    await stack.startService('wallet')
    await stack.stopService('transaction')
    await expectFiring(['PayflowPaymentsUnmeasured'])
    await stack.startService('transaction')
  })

  it('what is said of tokens, passwords and keys', async () => {
    const refused = () =>
      fetch(`${stack.serviceUrl('wallet')}/wallets/${ada.id}`, {
        headers: { authorization: 'Bearer nobody.signed.this' },
      })
    await expectFiring(['PayflowTokensRefused'], refused)
    // One person's attempts wait for each other; these are twenty people's.
    const logIn = () => {
      const body = { email: `${randomUUID()}@payflow.test`, password: 'correct horse battery' }
      return call(stack.url, 'POST', '/api/auth/login', { body })
    }
    await expectFiring(['PayflowPasswordsRefused'], () =>
      Promise.all(Array.from({ length: 20 }, logIn)),
    )
    await stack.killServer('redis')
    await expectFiring(['PayflowKeysWithoutRedis'], () =>
      ada.pay({ toUserId: grace.id, amount: 1 }),
    )
    await stack.startServer('redis')
  })

  it('what is said of slow databases', async () => {
    await withClient(stack.adminUrl('wallet'), async (client) => {
      await client.query('begin; lock table ledger.account in access exclusive mode')
      await expectFiring(['PayflowDatabasePoolExhausted', 'PayflowAcceptingSlow'], () =>
        Promise.all([
          ...Array.from({ length: 30 }, () => ada.get('/api/wallets/me')),
          ...Array.from({ length: 10 }, () => ada.pay({ toUserId: grace.id, amount: 1 })),
        ]),
      )
      await client.query('rollback')
    })
  })

  it('what is said of processes that die or stand still', async () => {
    const target = 'up{process="notification"}'
    await expectFiring(['PayflowProcessRestarts'], async () => {
      const before = await prometheus.value('process_start_time_seconds{process="notification"}')
      await stack.kill('notification')
      await waitFor(async () => {
        const now = await prometheus.value('process_start_time_seconds{process="notification"}')
        return now !== before && (await prometheus.value(target)) === 1
      }, PATIENT)
    })
    await expectFiring(['PayflowEventLoopStalls'], async () => {
      await stack.freeze('notification')
      await pause(900)
      await stack.resume('notification')
    })
  })

  it('what is said of a certificate', async () => {
    await expectFiring(['PayflowCertificateEnds'])
    // Of two that end on the same day.
    const ending = (await prometheus.firing()).filter(
      ({ labels }) => labels['alertname'] === 'PayflowCertificateEnds',
    )
    expect(ending.map(({ labels }) => labels['name'])).toEqual(['gateway-tls'])
  })

  it('every alert, once', () => {
    const seen = [...prometheus.seen.keys()].toSorted()
    expect(seen).toEqual(ALERTS.map(({ name }) => name).toSorted())
    expect(Object.keys(PROVOCATIONS).toSorted()).toEqual(seen)
  })
})

describe('what was scraped', () => {
  it('has every metric and every label that rules and dashboards name', async () => {
    const panels = DASHBOARDS.flatMap(({ rows }) => rows.flat()).filter(
      ({ kind }) => kind !== 'log',
    )
    const expressions = [
      ...ALERTS.map(({ expr }) => expr),
      ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ]
    const selectors = expressions.flatMap(
      (expr) => readPromql(expr.replaceAll('$__rate_interval', '1m')).selectors,
    )
    const names = [...new Set(selectors.map(({ metric }) => metric))]
    for (const metric of names) {
      const series = await prometheus.series(metric)
      expect(series.length, metric).toBeGreaterThan(0)
      const labels = new Set(series.flatMap((one) => Object.keys(one)))
      const compared = selectors
        .filter((one) => one.metric === metric)
        .flatMap((one) => one.matchers)
      for (const { label } of compared) expect(labels, `${metric}{${label}}`).toContain(label)
    }
  })

  it('has the labels and values of the catalogue, and no others', async () => {
    for (const [metric, labels] of Object.entries(CATALOGUE)) {
      const series = await prometheus.series(`{__name__=~"${metric}(_bucket)?"}`)
      for (const one of series) {
        const { __name__: _, service, le: __, ...rest } = one
        expect(service, metric).toBe(one['process'])
        const own = Object.entries(rest).filter(([key]) => !TARGET_LABELS.some((it) => it === key))
        expect(Object.fromEntries(own.map(([key]) => [key, metric]))).toEqual(
          Object.fromEntries(Object.keys(labels).map((key) => [key, metric])),
        )
        const odd = own.filter(([key, value]) => {
          const known = labels[key] ?? []
          return known !== 'any' && !known.includes(value)
        })
        expect(odd, metric).toEqual([])
      }
    }
  })

  it('can be looked into as the runbooks say', async () => {
    const statements = statementsIn(readFileSync(operating, 'utf8'))
    expect(statements.length).toBeGreaterThan(8)
    for (const { database, sql } of statements) {
      await withClient(stack.adminUrl(database as 'wallet'), async (client) => {
        await expect(client.query(sql), sql).resolves.toBeDefined()
      })
    }
  })
})

/** What {@link LivePrometheus.fires} does, and each alert says all that it is to say. */
async function expectFiring(names: readonly string[], provoke?: () => unknown): Promise<void> {
  await prometheus.fires(names, provoke)
  for (const name of names) {
    const { annotations = {} } = prometheus.seen.get(name) ?? {}
    expect(annotations['runbook_url'], name).toContain(`#${name.toLowerCase()}`)
    // A label that is not there is shown as nothing, a template that fails as an error.
    expect(annotations['description'], name).not.toMatch(/error|<no value>| {2}|%!/)
  }
}

/** Accepted payments, ten at a time. */
async function payMany(count: number): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < count) {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ada.payUntilAnswered({ toUserId: grace.id, amount: 1 })),
    )
    ids.push(...answers.map(({ body }) => body.id))
  }
  return ids
}

/** Writes what no process would. */
async function tamper(database: 'transaction' | 'wallet' | 'notification', sql: string) {
  await withClient(stack.adminUrl(database), async (client) => {
    await client.query(sql)
  })
}
