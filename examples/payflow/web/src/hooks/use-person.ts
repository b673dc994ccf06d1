import { queryOptions, useQuery } from '@tanstack/react-query'
import { SANDBOX_BANK_ID, type RecipientView } from '@payflow-app/contracts'
import type { Api } from '../api/client.ts'
import { useWallet } from './use-wallet.ts'

/** A person by id. Asked for once per visit: lists name the same few people again and again. */
export function personQuery(api: Api, id: string) {
  return queryOptions({
    queryKey: ['person', id],
    queryFn: ({ signal }) => api.person(id, signal),
    staleTime: Infinity,
  })
}

/** The other party of a payment, once known. */
export function usePerson(id: string, isAsked = true): RecipientView | undefined {
  const { api } = useWallet()
  return useQuery({ ...personQuery(api, id), enabled: isAsked }).data
}

/** How the page calls a party: "You", the bank, a name, or the beginning of the id while no name is known. */
export function usePersonName(id: string): string {
  const { user, api } = useWallet()
  const isPerson = id !== user.id && id !== SANDBOX_BANK_ID
  const person = useQuery({ ...personQuery(api, id), enabled: isPerson })
  if (id === user.id) return 'You'
  if (id === SANDBOX_BANK_ID) return 'Sandbox bank'
  return person.data?.name ?? (person.isError ? unnamed(id) : '…')
}

/** Stands for a name that could not be fetched. */
export function unnamed(id: string): string {
  return `User ${id.slice(0, 8)}`
}
