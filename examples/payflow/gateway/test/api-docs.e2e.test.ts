/*
 * Goal: the API explains itself, in a browser, without asking anybody else.
 * Method: Chromium on the gateway alone; every request and every breach of the policy is recorded.
 */
import { openApiDocument, API_OPERATIONS } from '@payflow-app/contracts/api'
import { startService, type RunningService } from '@payflow-app/service-kit/testing'
import { freePort, sharedServers } from '@payflow/testkit'
import { launchChromium, type Browser } from '@payflow-app/testing/browser'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let gateway: RunningService
let browser: Browser

beforeAll(async () => {
  const nowhere = `http://127.0.0.1:${await freePort()}`
  gateway = await startService(new URL('../src/main.ts', import.meta.url), {
    REDIS_URL: sharedServers().redisUrl,
    JWKS_URL: nowhere,
    AUTH_URL: nowhere,
    WALLET_URL: nowhere,
    TRANSACTION_URL: nowhere,
    NOTIFICATION_URL: nowhere,
  })
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await gateway?.stop()
})

describe('/api/openapi.json', () => {
  test('is the document of the contract', async () => {
    const answer = await fetch(`${gateway.url}/api/openapi.json`)
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    expect(await answer.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument())))
  })
})

describe('/api/docs', () => {
  test('shows every operation, from our own files, within the policy', async () => {
    const page = await browser.newPage()
    const faults: string[] = []
    const hosts = new Set<string>()
    page.on('pageerror', (error) => faults.push(String(error.stack)))
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(message.text())
    })
    page.on('request', (request) => {
      const { protocol, host } = new URL(request.url())
      if (protocol !== 'data:') hosts.add(host)
    })
    await page.goto(`${gateway.url}/api/docs`)
    await page.locator('.opblock').first().waitFor({ timeout: 30_000 })
    const ids = await page
      .locator('.opblock')
      .evaluateAll((blocks) => blocks.map((block) => (block as { id: string }).id))
    const shown = ids.map((id) => id.split('-').at(-1))
    expect(shown).toHaveLength(API_OPERATIONS.length)
    expect(new Set(shown)).toEqual(new Set(API_OPERATIONS))
    await page.locator('#operations-Payments-createTransaction').click()
    await page.getByText('idempotency_key_reused').first().waitFor({ timeout: 30_000 })
    expect(faults).toEqual([])
    expect([...hosts]).toEqual([new URL(gateway.url).host])
  })

  test.each([
    '/api/docs/swagger-initializer.js',
    '/api/docs/package.json',
    '/api/docs/swagger-ui-bundle.js.map',
    '/api/docs/..%2fserve-api-docs.ts',
  ])('serves nothing else: %s', async (path) => {
    const answer = await fetch(gateway.url + path)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  })
})
