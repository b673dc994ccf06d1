/*
 * Goal: people keep their account safe in the page: a forgotten password, a changed one, sessions
 * elsewhere, and what happened lately; by keyboard, on a phone, in the dark, with a screen reader.
 * Method: Chromium on the built page, every process of PayFlow behind it; the link comes from the mail.
 */
import { waitFor } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import { launchChromium, type Browser, type Page } from '@payflow-app/testing/browser'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { look, newPage, PASSWORD, signIn, User } from './src/index.ts'

let stack: Stack
let browser: Browser
const pages: Page[] = []

beforeAll(async () => {
  stack = await startStack()
  browser = await launchChromium()
})
afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.context().close()))
})
afterAll(async () => {
  await browser?.close()
  await stack?.stop()
})

async function open(path: string): Promise<Page> {
  const page = await newPage(browser, stack.url)
  pages.push(page)
  await page.goto(path)
  return page
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
    { timeoutMs: 60_000, message: 'the mail' },
  )
  return /\S+\/reset-password#token=[\w-]+/.exec(mail.text)?.[0] ?? ''
}

describe('the pages about an account', () => {
  it('set a forgotten password with the link from the mail, once', async () => {
    const user = await User.register(stack.url, 'Ada Lovelace')
    const elsewhere = await open('/login')
    await signIn(elsewhere, user.email)
    await elsewhere.getByTestId('balance').waitFor()

    const page = await open('/login')
    await signIn(page, user.email, 'a wrong password')
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
    await signIn(page, user.email, 'a much better password')
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
    await signIn(elsewhere, user.email, 'a wrong password')
    await elsewhere.getByText('The e-mail address or the password is wrong.').waitFor()
    for (const one of [page, elsewhere]) {
      await signIn(one, user.email)
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
    await page.getByLabel('Current password').fill(PASSWORD)
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
    await signIn(elsewhere, user.email)
    await elsewhere.getByTestId('balance').waitFor()
    // Logging in leads to the page that was asked for.
    await signIn(page, user.email)
    await page.getByRole('button', { name: 'Log out everywhere' }).click()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await elsewhere.reload()
    await elsewhere.getByRole('button', { name: 'Log in' }).waitFor()
    expect(await elsewhere.getByTestId('balance').count()).toBe(0)
  })
})
