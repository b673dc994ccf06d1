/** What the page asks the server for, and how often. */
import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query'
import { useEffect } from 'react'
import type { PaymentFlow, TransactionDetails } from '@payflow-app/contracts'
import type { HistoryQuery, StatementQuery } from '../api/client.ts'
import { pollDelayMs } from '../poll.ts'
import { useWallet } from './use-wallet.ts'

/**
 * Money may arrive at any time. An open page looks for news every three seconds, and what the news
 * is about is fetched at once; the rest is looked at seldom, for what happens without news.
 */
const newsRefreshMs = 3_000
const refreshMs = 20_000
const flowRefreshMs = 5_000
const pageSize = 20
/** The server refuses shorter searches, because one letter would list everybody. */
export const queryCharsMin = 2

export function useBalance() {
  const { api } = useWallet()
  return useQuery({
    queryKey: ['wallet'],
    queryFn: ({ signal }) => api.wallet(signal),
    refetchInterval: refreshMs,
  })
}

/** Whether something of it is still on its way: the payment itself, or a refund of it. */
function isMoving({ status, refunds = [] }: TransactionDetails): boolean {
  return status === 'PENDING' || refunds.some((refund) => refund.status === 'PENDING')
}

/** One payment, asked for quickly at first and ever more slowly, until it is final. */
export function usePayment(id: string) {
  const { api } = useWallet()
  const client = useQueryClient()
  const payment = useQuery({
    queryKey: ['payment', id],
    queryFn: ({ signal }) => api.payment(id, signal),
    refetchInterval: ({ state }) =>
      state.data !== undefined && !isMoving(state.data)
        ? false
        : pollDelayMs(state.dataUpdateCount + state.errorUpdateCount),
  })
  const status = payment.data?.status
  const refundOf = payment.data?.refundOf
  useEffect(() => {
    // Whatever the status is now, lists and balance that were fetched before may not know it.
    if (status === undefined) return
    void client.invalidateQueries({ queryKey: ['wallet'] })
    void client.invalidateQueries({ queryKey: ['payments'] })
    void client.invalidateQueries({ queryKey: ['notifications'] })
    if (refundOf !== undefined) {
      void client.invalidateQueries({ queryKey: ['payment', refundOf] })
    }
  }, [client, status, refundOf])
  return payment
}

export function useRecentPayments(limit: number) {
  const { api } = useWallet()
  return useQuery({
    queryKey: ['payments', 'recent', limit],
    queryFn: ({ signal }) => api.payments({ limit }, signal),
    refetchInterval: refreshMs,
  })
}

export function useHistory(filters: HistoryQuery) {
  const { api } = useWallet()
  return useInfiniteQuery({
    queryKey: ['payments', 'history', filters],
    queryFn: ({ signal, pageParam }) =>
      api.payments(
        {
          limit: pageSize,
          ...filters,
          ...(pageParam ? { cursor: pageParam } : {}),
        },
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.nextCursor,
  })
}

/** A statement, page by page. */
export function useStatement(period: StatementQuery) {
  const { api } = useWallet()
  return useInfiniteQuery({
    queryKey: ['wallet', 'statement', period],
    queryFn: ({ signal, pageParam }) =>
      api.statement({ limit: 50, ...period, ...(pageParam ? { cursor: pageParam } : {}) }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.nextCursor,
  })
}

export function useNotifications() {
  const { api } = useWallet()
  return useInfiniteQuery({
    queryKey: ['notifications'],
    queryFn: ({ signal, pageParam }) =>
      api.notifications({ limit: pageSize, ...(pageParam ? { cursor: pageParam } : {}) }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.nextCursor,
    refetchInterval: newsRefreshMs,
  })
}

/** How payments as a whole are doing; undefined when that is not known at the moment. */
export function useFlow(): PaymentFlow | undefined {
  const { api } = useWallet()
  const status = useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => api.status(signal),
    refetchInterval: flowRefreshMs,
    retry: false,
  })
  return status.isError ? undefined : status.data?.payments
}

export function useMarkRead() {
  const { api } = useWallet()
  const client = useQueryClient()
  return useMutation({
    mutationFn: (ids: readonly string[]) => Promise.all(ids.map((id) => api.markRead(id))),
    onSettled: () => client.invalidateQueries({ queryKey: ['notifications'] }),
  })
}

export function useRecipients(query: string) {
  const { api } = useWallet()
  return useQuery({
    queryKey: ['recipients', query],
    queryFn: ({ signal }) => api.recipients(query, signal),
    enabled: query.length >= queryCharsMin,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  })
}
