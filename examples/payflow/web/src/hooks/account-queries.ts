/** What the page about one's own account asks the server for. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ChangePasswordRequest } from '@payflow-app/contracts'
import { useWallet } from './use-wallet.ts'

const pageSize = 10

export function useLoginSessions() {
  const { api } = useWallet()
  return useQuery({
    queryKey: ['account', 'sessions'],
    queryFn: ({ signal }) => api.sessions(signal),
  })
}

export function useActivity() {
  const { api } = useWallet()
  return useInfiniteQuery({
    queryKey: ['account', 'activity'],
    queryFn: ({ signal, pageParam }) =>
      api.activity({ limit: pageSize, ...(pageParam ? { cursor: pageParam } : {}) }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.nextCursor,
  })
}

export function useEndSession() {
  const { api } = useWallet()
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => api.endSession(id),
    onSettled: () => client.invalidateQueries({ queryKey: ['account'] }),
  })
}

export function useChangePassword() {
  const { api } = useWallet()
  const client = useQueryClient()
  return useMutation({
    mutationFn: (input: ChangePasswordRequest) => api.changePassword(input),
    onSettled: () => client.invalidateQueries({ queryKey: ['account'] }),
  })
}
