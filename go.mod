module github.com/project-iris/iris

go 1.26
