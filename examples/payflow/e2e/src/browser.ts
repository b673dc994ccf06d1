/*
 * A person in front of the page: opens it, logs in, and looks at it as people with poor eyes, in the
 * dark and on a phone do.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { PASSWORD } from './client.ts'
import type { Browser, Page } from '@payflow-app/testing/browser'
import { expect } from 'vitest'

/** Set to a folder, every screen that is looked at is kept there as a picture. */
const shotsDir = process.env['PAYFLOW_SHOTS_DIR']

/** Steps wait as long as a busy machine needs. */
const stepTimeoutMs = 60_000

/** A page in a context of its own, with nobody logged in. Closing its context closes it. */
export async function newPage(browser: Browser, baseURL: string): Promise<Page> {
  const context = await browser.newContext({ baseURL, reducedMotion: 'reduce' })
  context.setDefaultTimeout(stepTimeoutMs)
  return await context.newPage()
}

/** What a page should never do: throw, or break the content security policy. Grows by itself. */
export function faultsOf(page: Page): string[] {
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(String(error.stack)))
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) faults.push(message.text())
  })
  return faults
}

/** Fills in the form that is there already, and sends it. */
export async function signIn(page: Page, email: string, password = PASSWORD): Promise<void> {
  await page.getByLabel('E-mail address').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

/** Opens the page and logs in, until the wallet shows its balance. */
export async function logIn(page: Page, { email }: { readonly email: string }): Promise<void> {
  await page.goto('/')
  await signIn(page, email)
  await page.getByTestId('balance').waitFor()
}

/**
 * Nothing is wrong for those who cannot see it, in either light, and nothing is cut off on a phone
 * or on a desk. Keeps a picture of each where `PAYFLOW_SHOTS_DIR` says.
 */
export async function look(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [390, 1280]) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 844 })
      await settled(page)
      if (shotsDir !== undefined) {
        mkdirSync(shotsDir, { recursive: true })
        const file = `${name}-${colorScheme}-${width}.png`
        await page.screenshot({ path: join(shotsDir, file), fullPage: true })
      }
      const overflow = await page.evaluate<number>(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      )
      expect(overflow, `${name} at ${width} px`).toBeLessThanOrEqual(0)
      expect(await barriersOf(page), `${name}, ${colorScheme}, ${width} px`).toEqual([])
    }
  }
}

/**
 * Colours fade from one light to the other, and what reads them meanwhile sees contrasts that nobody
 * chose. A frame first, because a change of style starts its transitions only when it is rendered;
 * one afterwards, because what ends may start another. What never ends, a spinner, is not waited for.
 */
async function settled(page: Page): Promise<void> {
  await page.evaluate(`(async () => {
    const painted = () =>
      new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
    const running = () =>
      document
        .getAnimations()
        .filter(({ playState, effect }) =>
          playState === 'running' && effect?.getComputedTiming().endTime !== Infinity)
    await painted()
    while (running().length > 0) {
      await Promise.allSettled(running().map(({ finished }) => finished))
      await painted()
    }
  })()`)
}

async function barriersOf(page: Page): Promise<string[]> {
  const { default: axe } = await import('axe-core')
  // The page's policy is for the page; what is evaluated here comes from the test.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(async () => {
    const { axe: checker } = globalThis as unknown as { axe: typeof axe }
    return await checker.run()
  })
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}
