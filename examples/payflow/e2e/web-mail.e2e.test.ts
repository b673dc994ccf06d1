/*
 * Goal: what a mail says leads to where it says, and whoever wants none about payments gets none.
 * Method: Chromium on the wallet and on the page of the mail sink, every process of PayFlow behind
 * both. Each width and each colour scheme is looked at.
 */
import { waitFor } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import pg from 'pg'
import { launchChromium, type Browser } from '@payflow-app/testing/browser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { logIn, look, newPage, settle, User } from './src/index.ts'

let stack: Stack
let browser: Browser

beforeAll(async () => {
  stack = await startStack()
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

async function subjectsOf({ email }: User): Promise<string[]> {
  const answer = await fetch(`${stack.serviceUrl('mail')}/api/mails?to=${email}`)
  const { items } = (await answer.json()) as { items: { subject: string }[] }
  return items.map(({ subject }) => subject)
}

async function statesOf({ id }: User): Promise<string[]> {
  const client = new pg.Client({ connectionString: stack.adminUrl('notification') })
  await client.connect()
  const { rows } = await client.query<{ state: string }>(
    'select state from mail_deliveries where user_id = $1',
    [id],
  )
  await client.end()
  return rows.map(({ state }) => state)
}

async function pay(payer: User, payee: User): Promise<void> {
  const { body } = await payer.payUntilAnswered({ toUserId: payee.id, amount: 5_000 })
  expect(await settle(payer, body.id, 60_000)).toMatchObject({ status: 'COMPLETED' })
}

describe('mails', () => {
  it('lead from the page of the sink to the payment they tell of', async () => {
    const [payer, payee] = [await User.register(stack.url, 'Ada'), await User.register(stack.url)]
    await pay(payer, payee)
    await waitFor(async () => (await subjectsOf(payer)).length === 1, { timeoutMs: 60_000 })
    const wallet = await newPage(browser, stack.url)
    const context = wallet.context()
    await logIn(wallet, payer)

    const sink = await context.newPage()
    await sink.goto(`${stack.serviceUrl('mail')}/?to=${payer.email}`)
    await look(sink, 'mail-sink')
    await sink.getByText('Your payment has arrived').click()
    await sink.frameLocator('iframe').getByRole('link', { name: 'Look at the payment' }).waitFor()
    await look(sink, 'mail-sink-mail')
    const opened = context.waitForEvent('page')
    await sink.frameLocator('iframe').getByRole('link', { name: 'Look at the payment' }).click()
    const payment = await opened
    expect(payment.url()).toMatch(`${stack.url}/payments/`)
    await payment.getByText('The money moved, exactly once.').waitFor()
    await context.close()
  })

  it('about payments are switched off with the keyboard, and stay off', async () => {
    const [payer, payee] = [await User.register(stack.url), await User.register(stack.url, 'Grace')]
    const page = await newPage(browser, stack.url)
    await logIn(page, payee)
    await page.goto('/notifications')
    const toggle = page.getByRole('switch', { name: /Tell me about payments by e-mail too/ })
    await toggle.waitFor()
    await look(page, 'notifications')
    expect(await toggle.isChecked()).toBe(true)
    const saved = page.waitForResponse((answer) => answer.url().endsWith('/preferences'))
    await toggle.focus()
    await page.keyboard.press('Space')
    expect((await saved).status()).toBe(200)
    await page.reload()
    await toggle.waitFor()
    expect(await toggle.isChecked()).toBe(false)

    await pay(payer, payee)
    await waitFor(async () => (await subjectsOf(payer)).length === 1, { timeoutMs: 60_000 })
    await page.getByText('sent you $50.00.').first().waitFor()
    // The row says that the mail was thought of, and that it is not to be sent.
    expect(await statesOf(payee)).toEqual(['skipped'])
    expect(await subjectsOf(payee)).toEqual([])
    await page.context().close()
  })
})
