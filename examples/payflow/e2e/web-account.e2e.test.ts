/*
 * Goal: people keep their account safe in the page: a forgotten password, a changed one, sessions
 * elsewhere, and what happened lately; by keyboard, on a phone, in the dark, with a screen reader.
 * Method: Chromium on the built page, every process of PayFlow behind it; the link comes from the mail.
 */
import { join } from 'node:path'
import axe from 'axe-core'
import { findChromium, waitFor } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { User } from './src/index.ts'

const password = 'correct horse battery'
/** Set to a folder, every screen is kept there for people to look at. */
const shotsDir = process.env['PAYFLOW_SHOTS_DIR']

let stack: Stack
let browser: Browser
const contexts: BrowserContext[] = []

beforeAll(async () => {
  stack = await startStack()
  const { path } = await findChromium()
  browser = await chromium.launch({ executablePath: path, args: ['--no-sandbox', '--disable-gpu'] })
})
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()))
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

async function open(path: string): Promise<Page> {
  const context = await browser.newContext({ baseURL: stack.url, reducedMotion: 'reduce' })
  contexts.push(context)
  context.setDefaultTimeout(30_000)
  const page = await context.newPage()
  await page.goto(path)
  return page
}

async function logIn(page: Page, email: string, secret = password): Promise<void> {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(secret)
  await page.getByRole('button', { name: 'Log in' }).click()
}

/** Nothing is wrong for those who cannot see it, in either light, on a phone and on a desk. */
async function look(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [390, 1280]) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 844 })
      if (shotsDir !== undefined) {
        const file = `${name}-${colorScheme}-${width}.png`
        await page.screenshot({ path: join(shotsDir, file), fullPage: true })
      }
      const overflow = await page.evaluate<number>(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      )
      expect(overflow, `${name} at ${width} px`).toBeLessThanOrEqual(0)
      expect(await faultsOf(page), `${name}, ${colorScheme}, ${width} px`).toEqual([])
    }
  }
}

async function faultsOf(page: Page): Promise<string[]> {
  // The page's policy is for the page; what is evaluated here comes from the test.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(async () => {
    const { axe: checker } = globalThis as unknown as { axe: typeof axe }
    return await checker.run()
  })
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}

/** The link in the newest mail to somebody. */
async function linkTo(email: string): Promise<string> {
  const sink = stack.serviceUrl('mail')
  const mail = await waitFor(
    async () => {
      const list = await fetch(`${sink}/api/mails?to=${encodeURIComponent(email)}`)
      const { items } = (await list.json()) as { items: { id: string }[] }
      if (items[0] === undefined) return undefined
      return (await (await fetch(`${sink}/api/mails/${items[0].id}`)).json()) as { text: string }
    },
    { timeoutMs: 30_000, message: 'the mail' },
  )
  return /\S+\/reset-password#token=[\w-]+/.exec(mail.text)?.[0] ?? ''
}

describe('the pages about an account', () => {
  it('set a forgotten password with the link from the mail, once', async () => {
    const user = await User.register(stack.url, 'Ada Lovelace')
    const elsewhere = await open('/login')
    await logIn(elsewhere, user.email)
    await elsewhere.getByTestId('balance').waitFor()

    const page = await open('/login')
    await logIn(page, user.email, 'a wrong password')
    await page.getByText('The e-mail address or the password is wrong.').waitFor()
    await page.getByRole('link', { name: 'Forgot your password?' }).click()
    await look(page, 'forgot-password')
    await page.getByLabel('E-mail address').fill(user.email)
    await page.keyboard.press('Enter')
    await page.getByText('a link is on its way').waitFor()
    await look(page, 'forgot-password-sent')

    const link = await linkTo(user.email)
    expect(new URL(link).origin).toBe(stack.url)
    await page.goto(link)
    await page.getByLabel('New password').fill('short')
    await page.keyboard.press('Enter')
    await page.getByText('Must have at least 10 characters').waitFor()
    await look(page, 'reset-password')
    await page.getByLabel('New password').fill('a much better password')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await logIn(page, user.email, 'a much better password')
    await page.getByTestId('balance').waitFor()

    await page.goto(link)
    await page.getByLabel('New password').fill('yet another password')
    await page.keyboard.press('Enter')
    await page.getByText('This link was used already or is too old.').waitFor()
    await elsewhere.reload()
    await elsewhere.getByRole('button', { name: 'Log in' }).waitFor()
  })

  it('change a password, end a session elsewhere, and say what happened', async () => {
    const user = await User.register(stack.url, 'Grace Hopper')
    const [page, elsewhere] = [await open('/login'), await open('/login')]
    await logIn(elsewhere, user.email, 'a wrong password')
    await elsewhere.getByText('The e-mail address or the password is wrong.').waitFor()
    for (const one of [page, elsewhere]) {
      await logIn(one, user.email)
      await one.getByTestId('balance').waitFor()
    }
    // By keyboard alone: the menu of the account, then its entry.
    await page.getByRole('button', { name: 'Account' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('menuitem', { name: 'Security' }).press('Enter')
    await page.getByRole('heading', { name: 'Security' }).waitFor()
    // The registration, this page and the other one.
    await page.getByText('This one').waitFor()
    expect(await page.getByRole('button', { name: /^Log out Chrome/ }).count()).toBe(1)
    await page.getByText('Somebody tried a wrong password.').waitFor()
    await look(page, 'security')

    await page.getByRole('button', { name: /^Log out Chrome/ }).click()
    await page.getByText('A session was ended from another one.').waitFor()
    await elsewhere.reload()
    await elsewhere.getByRole('button', { name: 'Log in' }).waitFor()

    await page.getByLabel('Current password').fill('not this one')
    await page.getByLabel('New password').fill('a much better password')
    await page.getByRole('button', { name: 'Change the password' }).click()
    await page.getByText('This is not your current password.').waitFor()
    await page.getByLabel('Current password').fill(password)
    await page.getByRole('button', { name: 'Change the password' }).click()
    await page.getByText('Your password is changed.').waitFor()
    await page.getByText('The password was changed.').waitFor()
    expect(await page.getByLabel('Current password').inputValue()).toBe('')
    expect(await page.getByRole('button', { name: /^Log out [A-Z]/ }).count()).toBe(0)
  })

  it('move nothing for whoever asked for that, so that no colour is ever in between', async () => {
    const page = await open('/login')
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    // In one turn: what begins to move now has not come to its end.
    const moving = await page.evaluate<number>(
      "document.documentElement.style.setProperty('--ink', 'red'), document.getAnimations().length",
    )
    expect(moving).toBe(0)
  })

  it('log out everywhere', async () => {
    const user = await User.register(stack.url)
    const [page, elsewhere] = [await open('/security'), await open('/login')]
    await logIn(elsewhere, user.email)
    await elsewhere.getByTestId('balance').waitFor()
    // Logging in leads to the page that was asked for.
    await logIn(page, user.email)
    await page.getByRole('button', { name: 'Log out everywhere' }).click()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await elsewhere.reload()
    await elsewhere.getByRole('button', { name: 'Log in' }).waitFor()
    expect(await elsewhere.getByTestId('balance').count()).toBe(0)
  })
})
