/*
 * Goal: the page of a payment shows what happens to it as it happens, and loses nothing when either
 * of the two ways by which it learns of it is broken.
 * Method: Chromium on the built page, every process of PayFlow behind it; the worker stands still
 * until the page is ready, and requests of one way or the other are cut off in the browser.
 */
import { findChromium, waitFor } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { User } from './src/index.ts'

const password = 'correct horse battery'
const chromiumFlags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run']
/** Where pictures of the page go, for whoever wants to look at them. */
const pictures = process.env['PAYFLOW_PICTURES']

let stack: Stack
let browser: Browser
let context: BrowserContext
let page: Page
let payer: User
let payment: string

beforeAll(async () => {
  stack = await startStack()
  const { path } = await findChromium()
  browser = await chromium.launch({ executablePath: path, args: chromiumFlags })
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

beforeEach(async () => {
  context = await browser.newContext({
    baseURL: stack.url,
    reducedMotion: 'reduce',
    viewport: { width: 390, height: 844 },
  })
  context.setDefaultTimeout(60_000)
  page = await context.newPage()
  const [first, payee] = await Promise.all([User.register(stack.url), User.register(stack.url)])
  payer = first
  await page.goto('/')
  await page.getByLabel('E-mail address').fill(payer.email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByTestId('balance').waitFor()
  await stack.freeze('worker')
  const { body } = await payer.payUntilAnswered({ toUserId: payee.id, amount: 4_200 })
  payment = body.id
})
afterEach(async () => {
  await stack.resume('worker')
  await context.close()
})

/** Cuts off what the page asks for under these addresses, and counts it. */
async function cutOff(pattern: RegExp): Promise<{ count: number }> {
  const cut = { count: 0 }
  await page.route(
    (url) => pattern.test(url.pathname),
    async (route) => {
      cut.count += 1
      await route.abort('connectionreset')
    },
  )
  return cut
}

const polls = /^\/api\/transactions\/[^/]+$/
const streams = /^\/api\/transactions\/[^/]+\/events$/
const live = () => page.getByText('Live: what happens is shown as it happens.')

async function openPayment(): Promise<void> {
  await page.goto(`/payments/${payment}`)
  await page.getByText('The money is set aside and on its way.').waitFor()
}

async function picture(name: string): Promise<void> {
  if (pictures === undefined) return
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: `${pictures}/${name}-${colorScheme}.png`, fullPage: true })
  }
}

describe('the page of a payment', () => {
  it('turns COMPLETED by the stream alone, though it can ask for nothing', async () => {
    await openPayment()
    await live().waitFor()
    await page.getByText('Handed over').waitFor()
    await picture('payment-live')
    await cutOff(polls)
    await stack.resume('worker')
    await page.getByText('The money moved, exactly once.').waitFor()
    await live().waitFor({ state: 'detached' })
    await picture('payment-completed')
    expect(await page.getByText('Completed').count()).toBeGreaterThan(0)
  })

  it('goes on where it was when the services behind the stream are killed', async () => {
    await openPayment()
    await live().waitFor()
    await cutOff(polls)
    await stack.kill('transaction')
    await stack.kill('gateway')
    await stack.resume('worker')
    await page.getByText('The money moved, exactly once.').waitFor()
    expect(await live().count()).toBe(0)
  })

  it('turns COMPLETED by asking when there is no stream', async () => {
    const cut = await cutOff(streams)
    await openPayment()
    await waitFor(() => cut.count > 0)
    expect(await live().count()).toBe(0)
    await stack.resume('worker')
    await page.getByText('The money moved, exactly once.').waitFor()
  })
})
