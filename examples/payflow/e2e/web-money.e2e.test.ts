/*
 * Goal: topping up, withdrawing and refunding on the page keep the promise of a payment: one click is
 * one movement, whatever happens to its answer; and the statement shows each once.
 * Method: Chromium on the built page, every process of PayFlow behind it, nothing faked.
 */
import { readFile } from 'node:fs/promises'
import { startStack, type Stack } from '@payflow-app/stack'
import { launchChromium, type Browser, type Page } from '@payflow-app/testing/browser'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { auditAll, faultsOf, logIn, newPage, settle, SOUND, User } from './src/index.ts'

let stack: Stack
let browser: Browser
let page: Page
let faults: string[]
/** Every POST with a key that left the page, as path, key and body. */
let posts: string[]

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
  faults = faultsOf(page)
  posts = []
  page.on('request', (request) => {
    const key = request.headers()['idempotency-key']
    if (key === undefined) return
    posts.push(`${new URL(request.url()).pathname} ${key} ${request.postData()}`)
  })
})
afterEach(async () => {
  await page.context().close()
  if (faults.length > 0) throw new Error(`the page did wrong:\n${faults.join('\n')}`)
})

/**
 * Makes the page a slow one: what React puts off until later does not happen between the key of a
 * payment being kept and its answer being read.
 */
async function slowDown(): Promise<void> {
  await page.addInitScript(() => {
    let held: (() => void)[] | null = null
    const { postMessage } = MessagePort.prototype
    Object.assign(MessagePort.prototype, {
      postMessage(this: object, message: unknown) {
        const post = (): void => Reflect.apply(postMessage, this, [message])
        if (held === null) post()
        else held.push(post)
      },
    })
    const { setItem } = Storage.prototype
    Storage.prototype.setItem = function (this: Storage, name, value) {
      setItem.call(this, name, value)
      if (name.startsWith('payflow.pending.')) held ??= []
    }
    for (const how of ['json', 'text'] as const) {
      const read = Response.prototype[how]
      Object.assign(Response.prototype, {
        async [how](this: Response): Promise<unknown> {
          const body: unknown = await read.call(this)
          // A timer runs when whoever waited for the body has done with it.
          if (this.url.endsWith('/withdrawals')) setTimeout(release)
          return body
        },
      })
    }
    function release(): void {
      for (const post of held ?? []) post()
      held = null
    }
  })
}

const moved = () => page.getByText('The money moved, exactly once.').waitFor()

async function pair(): Promise<{ ada: User; grace: User }> {
  const [ada, grace] = await Promise.all([
    User.register(stack.url, 'Ada Lovelace'),
    User.register(stack.url, 'Grace Hopper'),
  ])
  await logIn(page, ada)
  return { ada, grace }
}

async function paid(from: User, to: User, amount: number): Promise<string> {
  const { body } = await from.payUntilAnswered({ toUserId: to.id, amount })
  await settle(from, body.id)
  return body.id
}

describe('top up and withdraw', () => {
  it('say what they lead to, and do it once for a double click', async () => {
    const { ada } = await pair()
    await page.getByRole('link', { name: 'Top up' }).click()
    await page.getByLabel('Amount').fill('20')
    await page.keyboard.press('Enter')
    await page.getByText('You will have $1,020.00 available when it has arrived.').waitFor()
    await page.getByRole('button', { name: 'Top up $20.00' }).dblclick()
    await moved()

    await page.getByRole('link', { name: 'Home', exact: true }).click()
    await page.getByRole('link', { name: 'Withdraw' }).click()
    await page.getByLabel('Amount').fill('1020.01')
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByText('$1,020.00 is available.').waitFor()
    await page.getByLabel('Amount').fill('5')
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByText('You will have $1,015.00 available.').waitFor()
    await page.getByRole('button', { name: 'Withdraw $5.00 to your bank' }).dblclick()
    await moved()
    expect(posts.map((post) => post.split(' ')[0])).toEqual([
      '/api/wallets/me/top-ups',
      '/api/wallets/me/withdrawals',
    ])
    expect(await ada.wallet()).toMatchObject({ balance: 101_500, pending: 0 })
  })

  it('say what became of it when the answer is faster than the page', async () => {
    await pair()
    await slowDown()
    await page.goto('/withdraw')
    await page.getByLabel('Amount').fill('5')
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByRole('button', { name: 'Withdraw $5.00 to your bank' }).click()
    await moved()
    expect(posts).toHaveLength(1)
  })

  it('top up once when the page is reloaded between the click and the answer', async () => {
    const { ada } = await pair()
    await page.goto('/top-up')
    await page.getByLabel('Amount').fill('7')
    await page.getByRole('button', { name: 'Review' }).click()
    await stack.freeze('transaction')
    try {
      const sent = page.waitForRequest((request) => request.method() === 'POST')
      await page.getByRole('button', { name: 'Top up $7.00' }).click()
      await sent
      await page.reload()
    } finally {
      await stack.resume('transaction')
    }
    await moved()
    expect(posts.length).toBeGreaterThanOrEqual(2)
    expect(new Set(posts).size).toBe(1)
    expect(await ada.wallet()).toMatchObject({ balance: 100_700 })
  })

  it('refuses what is above the limit, and lets the amount be changed', async () => {
    await pair()
    await page.goto('/top-up')
    await page.getByLabel('Amount').fill('10000.01')
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByRole('button', { name: 'Top up $10,000.01' }).click()
    await page.getByText('At most $10,000.00 at once').waitFor()
    await page.getByText('No money moved.').waitFor()

    // The second half of a double click falls on what has come into the place of its first half.
    const change = page.getByRole('button', { name: 'Change it and try again' })
    await change.hover()
    await page.mouse.down({ clickCount: 2 })
    await page.mouse.up({ clickCount: 2 })
    await page.getByText('No money moved.').waitFor()
    await change.click()
    expect(await page.getByLabel('Amount').inputValue()).toBe('10000.01')
  })
})

describe('a refund', () => {
  it('gives back a part and then the rest, once for each double click', async () => {
    const { ada, grace } = await pair()
    const id = await paid(grace, ada, 5_000)
    await page.goto(`/payments/${id}`)
    await page.getByRole('link', { name: 'Refund' }).click()
    await page.getByText('$50.00 of this payment can be refunded').waitFor()
    await page.getByLabel('Amount').fill('50.01')
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByText('$50.00 is left of this payment.').waitFor()
    await page.getByLabel('Amount').fill('20')
    await page.getByLabel('Note (optional)').fill('sorry')
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByText('$30.00 of the payment stay with you.').waitFor()
    await page.getByRole('button', { name: 'Refund $20.00 to Grace Hopper' }).dblclick()
    await moved()
    await page.getByRole('link', { name: id }).click()
    await page.getByText('Refunded $20.00 of $50.00').waitFor()

    await page.getByRole('link', { name: 'Refund', exact: true }).click()
    expect(await page.getByLabel('Amount').inputValue()).toBe('30.00')
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByRole('button', { name: 'Refund $30.00 to Grace Hopper' }).dblclick()
    await moved()
    await page.goto(`/payments/${id}`)
    await page.getByText('Refunded $50.00 of $50.00').waitFor()
    expect(await page.getByRole('link', { name: 'Refund', exact: true }).count()).toBe(0)
    expect(posts).toHaveLength(2)
    expect(await ada.wallet()).toMatchObject({ balance: 100_000 })
    expect(await grace.wallet()).toMatchObject({ balance: 100_000 })

    // The form of a payment with nothing left leads to the payment.
    await page.goto(`/payments/${id}/refund`)
    await page.getByText('Refunded $50.00 of $50.00').waitFor()
  })

  it('is not offered to who sent the payment', async () => {
    const { ada, grace } = await pair()
    const id = await paid(ada, grace, 100)
    await page.goto(`/payments/${id}/refund`)
    await moved()
    expect(new URL(page.url()).pathname).toBe(`/payments/${id}`)
    expect(await page.getByRole('link', { name: 'Refund' }).count()).toBe(0)
  })
})

describe('the statement and the history', () => {
  it('show everything once, download it, and narrow it', async () => {
    const { ada, grace } = await pair()
    await paid(ada, grace, 1_250)
    await paid(grace, ada, 300)
    await page.goto('/top-up')
    await page.getByLabel('Amount').fill('5')
    await page.getByRole('button', { name: 'Review' }).click()
    await page.getByRole('button', { name: 'Top up $5.00' }).click()
    await moved()

    await page.getByRole('link', { name: 'History' }).click()
    await page.getByRole('link', { name: 'Statement' }).click()
    await page.getByRole('row').nth(4).waitFor()
    const rows = await page.getByRole('row').allInnerTexts()
    expect(rows.map((row) => row.replaceAll(/\s+/g, ' '))).toEqual([
      'What Amount Balance',
      expect.stringMatching(/^Opening credit .* \+\$1,000\.00 \$1,000\.00$/),
      expect.stringMatching(/^Grace Hopper Payment · .* −\$12\.50 \$987\.50$/),
      expect.stringMatching(/^Grace Hopper Payment · .* \+\$3\.00 \$990\.50$/),
      expect.stringMatching(/^Sandbox bank Top-up · .* \+\$5\.00 \$995\.50$/),
    ])
    const downloading = page.waitForEvent('download')
    await page.getByRole('button', { name: 'CSV' }).click()
    const download = await downloading
    expect(download.suggestedFilename()).toBe('statement.csv')
    const csv = (await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n')
    expect(csv).toHaveLength(1 + 4 + 2)
    expect(csv.at(-1)).toBe(',closing balance,,,,995.50,USD')
    await page.getByLabel('From').fill('2099-01-01')
    await page.getByText('Nothing moved').waitFor()

    await page.goto('/history')
    const listed = page.getByRole('main').getByRole('listitem')
    await listed.nth(2).waitFor()
    await page.getByLabel('Type').selectOption('Top-up')
    await page.getByText('Sandbox bank').waitFor()
    await listed.nth(1).waitFor({ state: 'detached' })
    await page.getByLabel('Type').selectOption('All')
    await page.getByLabel('Direction').selectOption('Sent')
    await page.getByText('−$12.50').waitFor()
    await listed.nth(1).waitFor({ state: 'detached' })
    await page.reload()
    await page.getByText('−$12.50').waitFor()
    expect(await listed.count()).toBe(1)
    expect(await page.getByLabel('Direction').inputValue()).toBe('sent')
  })

  it('leaves the books sound', async () => {
    expect(await auditAll(stack)).toMatchObject(SOUND)
  })
})
