'''
tail='''EOF
GOWORK=off GOFLAGS=-mod=mod go run . >got
cat got
diff -u want got
'''
open('findings/vault-plugin-auth-stays.sh','w').write(head+main+tail)
