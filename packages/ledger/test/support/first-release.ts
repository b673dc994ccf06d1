import { readFileSync } from 'node:fs'
import pg from 'pg'

const dump = readFileSync(new URL('../fixtures/first-release.sql', import.meta.url), 'utf8')

/** Restores a ledger of the first release, as the role of the address. */
export async function restoreFirstRelease(url: string): Promise<void> {
  // A connection of its own: the dump changes settings of the session.
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(dump)
  } finally {
    await client.end()
  }
}

/** Accounts of the dump. */
export const OLD_ACCOUNTS = {
  bank: '6df22ef4-31f4-42ef-b9ef-190f4bcbd9d0',
  ann: 'd02657e9-490f-4079-b85d-aa0ebe0f3855',
  ben: '6ebad0ba-df48-4060-805c-3e8fa8fef7b5',
  cleo: '0256ef50-c344-476f-8454-55ac00a67dbe',
  dan: 'f994027b-96cf-4258-bf87-f454f3fc5358',
  yenBank: '5d98d0b7-41da-4442-8513-29fd8248a129',
  yenWallet: '062061c1-2195-47e5-8a36-5fcebedf82dc',
} as const

/** Ids of the dump that name something. */
export const OLD_IDS = {
  yenTransfer: '7df1576e-9e33-4ee4-877c-610d00edc367',
  transfer: 'd8cc483a-4185-4cf4-94b6-88609947b07d',
  captured: 'fe0d5c10-85f9-4824-a810-ccd74e6d3e1f',
  released: 'dc999b12-c2f3-4618-a55e-60ad400ec2dc',
  open: 'd9c57bb5-7903-483f-8751-52d66747defa',
  openPartly: '31decd12-7804-4674-a807-497d30b3e6d9',
  overdue: 'c9f79f77-576b-4618-bd60-1e20e5460c9c',
  tombstone: '348274e1-8f6a-44cf-bdb3-f72bfb204f0b',
} as const
