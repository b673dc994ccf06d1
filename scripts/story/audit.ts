import { auditAll, auditPayment } from '@payflow-app/e2e'
import { waitFor } from '@payflow/testkit'
import { dollars, short } from './page.ts'
import { postings, type Scene, type StoryPayment } from './scene.ts'

/** Act 5: believes nobody, and reads the databases. */
export async function audit(scene: Scene, payments: readonly StoryPayment[]): Promise<void> {
  const { page } = scene
  page.act(5, 'The audit')
  page.say(
    'An auditor who trusts no service reads the databases directly, and counts: how often a worker ' +
      'asked for the money to be moved, how often it was moved, how many notifications were ' +
      'written (they travel through RabbitMQ as well, so we wait for them).',
  )
  await auditPayments(scene, payments)
  await auditBooks(scene)
  await auditWallets(scene, payments)
}

async function auditPayments(scene: Scene, payments: readonly StoryPayment[]): Promise<void> {
  const { page, stage } = scene
  const told = (id: string) =>
    waitFor(async () => (await auditPayment(stage, id)).notifications >= 2, { timeoutMs: 20_000 })
  // One that is missing shows in the table; it need not end the audit.
  await Promise.allSettled(payments.map(({ id }) => told(id)))
  const facts = await Promise.all(payments.map(({ id }) => auditPayment(stage, id)))
  page.pause()
  page.rows(
    payments.map(({ id, amount }, at) => ({
      payment: id,
      amount: dollars(amount),
      status: facts[at]?.status,
      asked: `${postings(scene, id).length}×`,
      moved: `${facts[at]?.postings}×`,
      told: `${facts[at]?.notifications}×`,
    })),
  )
  page.pause()
  for (const [at, { id }] of payments.entries()) {
    const { status, postings: moved, notifications } = facts[at] ?? {}
    page.check(
      status === 'COMPLETED' && moved === 1 && notifications === 2,
      `${short(id)} is COMPLETED, was moved once, and each side was told once.`,
    )
  }
}

async function auditBooks({ page, stage, witness }: Scene): Promise<void> {
  const statement = `select currency, count(*) as accounts, sum(posted_debits_minor) as debits,
    sum(posted_credits_minor) as credits from ledger.account group by currency`
  page.say('Every transfer is a debit of one account and a credit of another. Do the sides agree?')
  page.command('payflow_wallet=>', statement)
  page.rows(await witness.sql('wallet', statement, []))
  const { payments, imbalanceMinor, findings, ...found } = await auditAll(stage)
  page.pause()
  page.check(
    imbalanceMinor === 0n,
    'Over all accounts debits less credits is zero: no cent was made, and none was lost.',
  )
  page.check(findings.length === 0, 'The ledger checked every row of its journal: no finding.')
  page.check(
    found.postedTwice.length === 0 &&
      found.refundedTwice.length === 0 &&
      found.completedWithoutPosting.length === 0 &&
      found.failedWithPosting.length === 0 &&
      found.heldThoughSettled.length === 0,
    `Of ${payments} payments in this installation none moved money twice, none is COMPLETED ` +
      'without its money or FAILED with it, and none that ended still holds any.',
  )
}

async function auditWallets(scene: Scene, payments: readonly StoryPayment[]): Promise<void> {
  const { page, customer, recipient } = scene
  const sent = payments.reduce((sum, { amount }) => sum + amount, 0)
  const [one, other] = await Promise.all([customer.wallet(), recipient.wallet()])
  const open = (await customer.history('?status=PENDING')).items.length
  page.check(
    one.balance === 100_000 - sent && other.balance === 100_000 + sent,
    `Customer ${dollars(one.balance)}, friend ${dollars(other.balance)}: together ` +
      `${dollars(one.balance + other.balance)}, as at the start.`,
  )
  page.check(
    open === 0 && one.pending === 0 && other.pending === 0,
    'Nothing of theirs is pending, and no money is set aside.',
  )
}
