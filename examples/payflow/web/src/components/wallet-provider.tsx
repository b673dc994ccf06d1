import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import type { UserView } from '@payflow-app/contracts'
import { session } from '../api/browser-session.ts'
import { createApi } from '../api/client.ts'
import { ApiProblemError, SignedOutError } from '../api/problem.ts'
import { WalletContext } from '../hooks/use-wallet.ts'
import type { Wallet } from '../hooks/use-wallet.ts'
import { PaymentDesk } from '../payment-desk.ts'
import { postPayment } from '../post-payment.ts'

/**
 * Everything below it belongs to `user`. Give it the user's id as `key`: another user must start
 * with an empty cache and a desk of their own.
 */
export function WalletProvider(props: { readonly user: UserView; readonly children: ReactNode }) {
  const [client] = useState(createQueryClient)
  const [wallet] = useState(() => openWallet(props.user))
  useEffect(() => {
    const { desk } = wallet
    addEventListener('online', desk.wake)
    addEventListener('storage', desk.reread)
    return () => {
      removeEventListener('online', desk.wake)
      removeEventListener('storage', desk.reread)
      desk.close()
    }
  }, [wallet])
  return (
    <QueryClientProvider client={client}>
      <WalletContext value={wallet}>{props.children}</WalletContext>
    </QueryClientProvider>
  )
}

function openWallet(user: UserView): Wallet {
  const api = createApi(session, user.id)
  const desk = new PaymentDesk(user.id, {
    storage: localStorage,
    post: (payment) => postPayment(payment, (item) => api.pay(item)),
    isOnline: () => navigator.onLine,
    pause,
    nowMs: () => Date.now(),
    chance: () => Math.random(),
  })
  return { user, api, desk }
}

function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, waitMs)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

const retriesMax = 2

function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        // Only reads come through here, so asking again is harmless; a refusal stays one.
        retry: (failures, error) => {
          if (error instanceof SignedOutError) return false
          if (error instanceof ApiProblemError && error.problem.status < 500) return false
          return failures < retriesMax
        },
      },
    },
  })
}
