import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { PaymentEventView, TransactionView } from '@payflow-app/contracts'
import { followPayment } from '../api/follow-payment.ts'
import { useWallet } from './use-wallet.ts'

/** What is known of a payment beside what it is. */
export interface LiveEvents {
  readonly events: readonly PaymentEventView[]
  /** Whether they come in by themselves at the moment. */
  readonly isLive: boolean
}

const none: LiveEvents = { events: [], isLive: false }

/**
 * Follows a payment while the page is looked at, and puts what happens to it into the query of the
 * payment. A hidden page keeps no connection open: a browser has six for each site.
 */
export function usePaymentEvents(id: string, isPending: boolean): LiveEvents {
  const { api } = useWallet()
  const client = useQueryClient()
  const isSeen = usePageVisible()
  const [followed, setFollowed] = useState({ id, ...none })
  useEffect(() => {
    if (!isPending || !isSeen) return undefined
    const controller = new AbortController()
    const { signal } = controller
    void followPayment({
      open: (lastEventId, until) => api.paymentEvents(id, lastEventId, until),
      onEvent(event) {
        if (signal.aborted) return
        setFollowed((before) => withEvent(before, id, event))
        // An answer that was asked for before this happened would take it back.
        void client.cancelQueries({ queryKey: ['payment', id] }, { revert: false })
        client.setQueryData<TransactionView>(
          ['payment', id],
          (payment) => payment && afterEvent(payment, event),
        )
      },
      onLive: (isLive) => {
        if (!signal.aborted) setFollowed((before) => ({ ...before, id, isLive }))
      },
      signal,
      pause,
    })
    return () => {
      controller.abort()
      setFollowed((before) => ({ ...before, isLive: false }))
    }
  }, [api, client, id, isPending, isSeen])
  return followed.id === id ? followed : none
}

/** The payment as it is after this happened to it; what has ended stays as it is. */
export function afterEvent(payment: TransactionView, event: PaymentEventView): TransactionView {
  if (payment.status !== 'PENDING' || payment.id !== event.paymentId) return payment
  const { type, at, failureCode } = event
  if (type === 'completed') return { ...payment, status: 'COMPLETED', completedAt: at }
  if (type !== 'failed' && type !== 'reversed') return payment
  return { ...payment, status: 'FAILED', completedAt: at, ...(failureCode && { failureCode }) }
}

interface Followed extends LiveEvents {
  readonly id: string
}

function withEvent(before: Followed, id: string, event: PaymentEventView): Followed {
  const events = before.id === id ? before.events : []
  if (events.some(({ type }) => type === event.type)) return before
  return { id, isLive: true, events: [...events, event] }
}

function usePageVisible(): boolean {
  const [isVisible, setVisible] = useState(() => document.visibilityState === 'visible')
  useEffect(() => {
    const look = (): void => setVisible(document.visibilityState === 'visible')
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  }, [])
  return isVisible
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}
