/*
 * Goal: the page of a payment shows what happens to it as it happens, and loses nothing when either
 * of the two ways by which it learns of it is broken.
 * Method: Chromium on the built page, every process of PayFlow behind it; the worker stands still
 * until the page is ready, and requests of one way or the other are cut off in the browser.
 */
import { waitFor } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import { launchChromium, type Browser, type Page } from '@payflow-app/testing/browser'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { logIn, look, newPage, User } from './src/index.ts'

let stack: Stack
let browser: Browser
let page: Page
let payer: User
let payment: string

beforeAll(async () => {
  stack = await startStack()
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

beforeEach(async () => {
  page = await newPage(browser, stack.url)
  const [first, payee] = await Promise.all([User.register(stack.url), User.register(stack.url)])
  payer = first
  await logIn(page, payer)
  await stack.freeze('worker')
  const { body } = await payer.payUntilAnswered({ toUserId: payee.id, amount: 4_200 })
  payment = body.id
})
afterEach(async () => {
  await stack.resume('worker')
  await page.context().close()
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

describe('the page of a payment', () => {
  it('turns COMPLETED by the stream alone, though it can ask for nothing', async () => {
    await openPayment()
    await live().waitFor()
    await page.getByText('Handed over').waitFor()
    await look(page, 'payment-live')
    await cutOff(polls)
    await stack.resume('worker')
    await page.getByText('The money moved, exactly once.').waitFor()
    await live().waitFor({ state: 'detached' })
    await look(page, 'payment-completed')
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
