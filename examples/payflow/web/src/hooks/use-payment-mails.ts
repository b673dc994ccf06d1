import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useWallet } from './use-wallet.ts'

const queryKey = ['preferences']

/** Whether payments are told of by e-mail, and how to change that. */
export function usePaymentMails() {
  const { api } = useWallet()
  const client = useQueryClient()
  const preferences = useQuery({ queryKey, queryFn: ({ signal }) => api.preferences(signal) })
  const change = useMutation({
    mutationFn: (on: boolean) => api.setPaymentMails(on),
    onSuccess: (answer) => client.setQueryData(queryKey, answer),
  })
  return { on: preferences.data?.paymentMails, change }
}
