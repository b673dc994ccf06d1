/*
 * Goal: the wallet page keeps PayFlow's promise in a person's hands: one click is one payment,
 * whatever happens between the click and its answer.
 * Method: Chromium on the built page, every process of PayFlow behind it, nothing faked. Answers get
 * lost because transaction-service stands still while the request is under way.
 */
import { waitFor } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import {
  launchChromium,
  type Browser,
  type BrowserContext,
  type Page,
  type Request,
} from '@payflow-app/testing/browser'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  age,
  faultsOf,
  logIn,
  newPage,
  PASSWORD,
  settle,
  signIn,
  User,
  type PaymentInput,
} from './src/index.ts'

let stack: Stack
let browser: Browser
let context: BrowserContext
let page: Page
let faults: string[]
/** Every POST of a payment that left the page, as key and body. */
let posts: string[]

beforeAll(async () => {
  stack = await startStack({ env: { reversal: { REVERSAL_INTERVAL_MS: '500' } } })
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

beforeEach(async () => {
  page = await newPage(browser, stack.url)
  context = page.context()
  faults = faultsOf(page)
  posts = []
  page.on('request', (request) => notePost(request))
})
afterEach(async () => {
  await context.close()
  if (faults.length > 0) throw new Error(`the page did wrong:\n${faults.join('\n')}`)
})

describe('the wallet page', () => {
  it('opens a wallet, sends money and shows it arrive, once for a double click', async () => {
    const grace = await User.register(stack.url, 'Grace Hopper')
    const graceSees = await newPage(browser, stack.url)
    await logIn(graceSees, grace)

    await page.goto('/register')
    await page.getByLabel('Name').fill('Ada Lovelace')
    await page.getByLabel('E-mail address').fill('ada is not an address')
    await page.getByLabel('Password').fill('short')
    await page.getByRole('button', { name: 'Open my wallet' }).click()
    await page.getByText('Must be an e-mail address').waitFor()
    await page.getByText('Must have at least 10 characters').waitFor()
    await page.getByLabel('E-mail address').fill(`ada-${Date.now()}@payflow.test`)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Open my wallet' }).click()
    await shows(page, 'balance', '$1,000.00')

    await compose(page, grace, '50')
    await page.getByRole('button', { name: 'Send $50.00 to Grace Hopper' }).dblclick()
    await page.getByText('Transaction received. Processing.').waitFor()
    await page.getByText('The money moved, exactly once.').waitFor()
    expect(posts).toHaveLength(1)
    await page.getByRole('link', { name: 'Home', exact: true }).click()
    await shows(page, 'balance', '$950.00')
    await shows(graceSees, 'balance', '$1,050.00')
    await graceSees.getByText('Ada Lovelace sent you $50.00.').first().waitFor()
    await graceSees.context().close()
  })

  it.each([
    { lost: 'the page is reloaded', lose: () => page.reload() },
    { lost: 'the page is left', lose: () => page.goto('/'), resume: true },
    { lost: 'the network goes', lose: loseNetwork, regain: () => context.setOffline(false) },
    { lost: 'the gateway is killed', lose: () => stack.kill('gateway') },
  ])('pays once when $lost between the click and the answer', async (hazard) => {
    const { payer, payee } = await payerAndPayee()
    await compose(page, payee, '20.05')
    await stack.freeze('transaction')
    try {
      const sent = page.waitForRequest((request) => request.method() === 'POST')
      await page.getByRole('button', { name: /^Send \$20\.05/ }).click()
      await sent
      await hazard.lose()
    } finally {
      await stack.resume('transaction')
    }
    await hazard.regain?.()
    if (hazard.resume) {
      await page.getByText('A payment is waiting for its answer').waitFor()
      await page.getByRole('link', { name: 'Get the answer' }).click()
    }
    await page.getByText('The money moved, exactly once.').waitFor()

    expect(posts.length).toBeGreaterThanOrEqual(2)
    expect(new Set(posts).size).toBe(1)
    expect((await payer.history()).items).toHaveLength(1)
    expect(await payer.wallet()).toMatchObject({ balance: 97_995, pending: 0 })
    expect(await storedKeys()).toEqual([])
  })

  it('says why a payment was refused, and gives the next try a new key', async () => {
    const { payer, payee } = await payerAndPayee()
    await compose(page, payee, '50')
    // Meanwhile the money goes elsewhere, which this page can't know.
    const { body } = await payer.payUntilAnswered({ toUserId: payee.id, amount: 99_000 })
    await settle(payer, body.id)
    await page.getByRole('button', { name: /^Send \$50\.00/ }).click()
    await page.getByText('Your available balance is smaller than this amount.').waitFor()
    await page.getByText('No money moved.').waitFor()
    expect(await storedKeys()).toEqual([])

    await page.getByRole('button', { name: 'Change it and try again' }).click()
    await page.getByLabel('Amount').fill('10')
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByRole('button', { name: /^Send \$10\.00/ }).click()
    await page.getByText('The money moved, exactly once.').waitFor()
    const keys = posts.map((post) => post.split(' ')[0])
    expect(new Set(keys).size).toBe(2)
    expect(await payer.wallet()).toMatchObject({ balance: 0, available: 0 })
  })

  it('REV-10 says that a payment was reversed, and tries again once from any number of tabs', async () => {
    const { payer, payee } = await payerAndPayee()
    const id = await reversedPayment(payer, { toUserId: payee.id, amount: 5000, note: 'lunch' })
    await page.goto(`/payments/${id}`)
    await page.getByText('We could not complete this in time; your money was not moved.').waitFor()
    const again = page.getByRole('link', { name: 'Try again' })
    const opened = context.waitForEvent('page')
    await again.click({ modifiers: ['ControlOrMeta'] })
    const second = await opened
    second.on('request', (request) => notePost(request))
    await again.click()
    for (const tab of [page, second]) {
      await tab.getByRole('heading', { name: 'Send money' }).waitFor()
      await tab.getByLabel('Amount').waitFor()
      expect(await tab.getByLabel('Amount').inputValue()).toBe('50.00')
      expect(await tab.getByLabel('Note (optional)').inputValue()).toBe('lunch')
      await tab.getByRole('button', { name: 'Review' }).click()
    }
    const send = (tab: Page) => tab.getByRole('button', { name: 'Send $50.00 to Grace Hopper' })
    await Promise.all([send(page).dblclick(), send(second).dblclick()])
    for (const tab of [page, second]) {
      await tab.getByText('The money moved, exactly once.').waitFor()
    }
    expect(new Set(posts)).toEqual(new Set([expect.stringContaining(`retry-of-${id} `)]))
    expect(await payer.wallet()).toMatchObject({ balance: 95_000, pending: 0 })

    // Later still, from the failed payment's own page: it leads to the payment that was made.
    await page.goto(`/payments/${id}`)
    await page.getByRole('link', { name: 'Try again' }).click()
    await page.getByRole('button', { name: 'Review' }).click()
    await send(page).click()
    await page.getByText('The money moved, exactly once.').waitFor()
    const { items } = await payer.history()
    expect(items.map(({ status }) => status).toSorted()).toEqual(['COMPLETED', 'FAILED'])

    // With another amount it is another payment, which needs another key.
    await page.goto(`/payments/${id}`)
    await page.getByRole('link', { name: 'Try again' }).click()
    await page.getByLabel('Amount').fill('7')
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByRole('button', { name: /^Send \$7\.00/ }).click()
    await page.getByText('The money moved, exactly once.').waitFor()
    expect(await payer.wallet()).toMatchObject({ balance: 94_300 })
    expect(await payee.wallet()).toMatchObject({ balance: 105_700 })
  })

  it('REV-10 tries again once there is money, after a try that was refused, and pays once', async () => {
    const { payer, payee } = await payerAndPayee()
    const id = await reversedPayment(payer, { toUserId: payee.id, amount: 5000 })
    await page.goto(`/payments/${id}`)
    await page.getByRole('link', { name: 'Try again' }).click()
    await page.getByRole('button', { name: 'Review' }).click()
    const send = page.getByRole('button', { name: /^Send \$50\.00/ })
    await send.waitFor()
    const elsewhere = await payer.payUntilAnswered({ toUserId: payee.id, amount: 99_000 })
    await settle(payer, elsewhere.body.id)
    await send.click()
    await page.getByText('No money moved.').waitFor()

    const back = await payee.payUntilAnswered({ toUserId: payer.id, amount: 50_000 })
    await settle(payee, back.body.id)
    await page.getByRole('button', { name: 'Change it and try again' }).click()
    for (const _ of ['as it was', 'and once more, from the failed payment']) {
      await page.getByRole('button', { name: 'Review' }).click()
      await send.click()
      await page.getByText('The money moved, exactly once.').waitFor()
      await page.goto(`/payments/${id}`)
      await page.getByRole('link', { name: 'Try again' }).click()
    }
    expect(await payer.wallet()).toMatchObject({ balance: 46_000, pending: 0 })
    const keys = posts.map((post) => post.split(' ')[0])
    expect(new Set(keys)).toEqual(new Set([`retry-of-${id}`, `retry-of-${id}-2`]))
  })

  it('REV-11 warns everybody while payments are reversed instead of executed', async () => {
    const answered = Promise.withResolvers<void>()
    let answers = 0
    page.on('response', (response) => {
      if (!response.url().endsWith('/api/status')) return
      answers += 1
      // The page asks again when it has shown the answer to its first question.
      if (answers === 2) answered.resolve()
    })
    const { payer, payee } = await payerAndPayee()
    await answered.promise
    expect(await page.getByTestId('flow').textContent()).toBe('')
    await stack.stopService('worker')
    try {
      const paid = await Promise.all(
        Array.from({ length: 20 }, () => payer.payUntilAnswered({ toUserId: payee.id, amount: 1 })),
      )
      const ids = paid.map(({ body }) => body.id)
      await age(stack, ids, { createdMs: 3_600_000, dispatchedMs: 3_600_000 })
      await Promise.all(ids.map((id) => settle(payer, id, 30_000)))
    } finally {
      await stack.startService('worker')
    }
    await page.getByText('Payments are currently being reversed.').waitFor()
    expect(await payer.wallet()).toMatchObject({ balance: 100_000, available: 100_000 })
  })

  it('keeps one user’s waiting payment from the next user of the browser', async () => {
    const { payee } = await payerAndPayee()
    await compose(page, payee, '1')
    await stack.freeze('transaction')
    try {
      const sent = page.waitForRequest((request) => request.method() === 'POST')
      await page.getByRole('button', { name: /^Send \$1\.00/ }).click()
      await sent
      await page.goto('/')
      await page.getByText('A payment is waiting for its answer').waitFor()
    } finally {
      await stack.resume('transaction')
    }
    await logOut()
    await logIn(page, payee)
    expect(await page.getByText('A payment is waiting').count()).toBe(0)
    expect(await storedKeys()).toHaveLength(1)
  })

  it('keeps no token where a script could read it', async () => {
    await logIn(page, await User.register(stack.url, 'Ada Lovelace'))
    await page.getByTestId('balance').waitFor()
    const readable = await page.evaluate<string>(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
    )
    // Every JWT begins so; the cookies are named so.
    expect(readable).not.toMatch(/eyJ|payflow_(refresh|device)/)
    const cookies = await context.cookies()
    expect(cookies.map(({ name }) => name)).toContain('payflow_refresh')
    for (const cookie of cookies) {
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' })
    }
  })

  it('logs every tab of the browser out, and in again to the page that was asked for', async () => {
    const { payer } = await payerAndPayee()
    const second = await context.newPage()
    await second.goto('/history')
    await second.getByText('No payments yet').waitFor()
    await logOut()
    await second.getByRole('heading', { name: 'Log in' }).waitFor()
    await signIn(second, payer.email)
    await second.getByRole('heading', { name: 'History' }).waitFor()
    expect(new URL(second.url()).pathname).toBe('/history')
    await shows(page, 'balance', '$1,000.00')
  })
})

async function payerAndPayee(): Promise<{ payer: User; payee: User }> {
  const [payer, payee] = await Promise.all([
    User.register(stack.url, 'Ada Lovelace'),
    User.register(stack.url, 'Grace Hopper'),
  ])
  await logIn(page, payer)
  return { payer, payee }
}

function notePost(request: Request): void {
  if (request.method() !== 'POST' || !request.url().endsWith('/api/transactions')) return
  posts.push(`${request.headers()['idempotency-key']} ${request.postData()}`)
}

/** A payment that no worker took within the processing leash. */
async function reversedPayment(payer: User, input: PaymentInput): Promise<string> {
  await stack.stopService('worker')
  try {
    const { body } = await payer.payUntilAnswered(input)
    await age(stack, [body.id], { createdMs: 3_600_000, dispatchedMs: 3_600_000 })
    expect(await settle(payer, body.id, 30_000)).toMatchObject({ failureCode: 'reversed_timeout' })
    return body.id
  } finally {
    await stack.startService('worker')
  }
}

async function logOut(): Promise<void> {
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByRole('menuitem', { name: 'Log out' }).click()
  await page.getByRole('heading', { name: 'Log in' }).waitFor()
}

/** Fills the form by keyboard, up to the review. */
async function compose(on: Page, to: User, amount: string): Promise<void> {
  await on.getByRole('link', { name: 'Send', exact: true }).click()
  await on.getByLabel('To', { exact: true }).fill(to.email)
  await on.getByRole('option').waitFor()
  await on.keyboard.press('Enter')
  await on.getByLabel('Amount').fill(amount)
  await on.keyboard.press('Enter')
  await on.getByRole('heading', { name: 'Check and send' }).waitFor()
}

async function loseNetwork(): Promise<void> {
  await context.setOffline(true)
  await page.getByText('You are offline. It goes on by itself').waitFor()
}

async function shows(on: Page, testId: string, text: string): Promise<void> {
  await waitFor(async () => (await on.getByTestId(testId).textContent()) === text, {
    message: `${testId} to show ${text}`,
  })
}

/** The keys of unanswered payments that the browser keeps. */
async function storedKeys(): Promise<string[]> {
  const names = await page.evaluate(() => Object.keys(localStorage))
  return names.filter((name) => name.startsWith('payflow.pending.'))
}
