import { createContext, useContext, useSyncExternalStore } from 'react'
import type { UserView } from '@payflow-app/contracts'
import type { Api } from '../api/client.ts'
import type { DeskEntry, PaymentDesk } from '../payment-desk.ts'

/** Everything that belongs to the signed-in user. Another user gets another one of these. */
export interface Wallet {
  readonly user: UserView
  readonly api: Api
  readonly desk: PaymentDesk
}

export const WalletContext = createContext<Wallet | null>(null)

export function useWallet(): Wallet {
  const wallet = useContext(WalletContext)
  if (wallet === null) throw new Error('useWallet needs a signed-in user above it')
  return wallet
}

/** The payments without a final answer; renders again when one moves on. */
export function useDesk(): readonly DeskEntry[] {
  const { desk } = useWallet()
  return useSyncExternalStore(desk.subscribe, desk.entries)
}
