import { findChromium } from '@payflow/testkit'
import { chromium, type Browser } from 'playwright-core'

export type { Browser, BrowserContext, Page, Request } from 'playwright-core'

/** As root in a container there is no sandbox, and a browser at rest should ask nobody anything. */
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the Chromium that the testkit finds or installs; the test closes it. */
export async function launchChromium(): Promise<Browser> {
  const { path } = await findChromium()
  return await chromium.launch({ executablePath: path, args: flags })
}
